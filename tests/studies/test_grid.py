"""tfstyle.studies: grids that go on, sheets, and the trends that the lectures claim."""

import csv
import dataclasses
import functools
import json
import signal

import numpy as np
import pytest
from conftest import ROOT

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.errors import RunError
from tfstyle.images import load_image, save_image
from tfstyle.jobs import perform as runs
from tfstyle.jobs.progress import JobProgress
from tfstyle.runs import job
from tfstyle.runs.inputs import load_inputs
from tfstyle.studies import grid, judging, measures, overview
from tfstyle.studies.gram_matrices import distances, draw_gram_matrices, heat_map
from tfstyle.studies.measures import distances as measured_distances
from tfstyle.studies.measures import psnr
from tfstyle.studies.outcome import CellOutcome
from tfstyle.studies.sheet import GAP, WIDTHS, Tile, contact_sheet
from tfstyle.studies.study import folder_name, label_of, load_study

STUDY = """
title: How much style
base: base.yaml
set: {objective.tv_weight: 0}
columns: {objective.style_weight: [5, 20.5]}
rows:
  - {label: the photo, init: content}
  - {label: white noise, init: noise, seed: 3}
"""
BASE = """
content: {path: photo.png}
styles: [{path: painting.png}]
size: 24
objective:
  content_layers: {block4_conv2: 1}
  style_layers: {block1_conv1: 0.5, block2_conv1: 0.5}
optimizer: {history: 3}
pyramid: {min_size: null, steps: [2]}
precision: float32
"""


@pytest.fixture
def desk(tmp_path, photo, painting, monkeypatch):
    """A folder with two pictures, a base and a study, where the commands run."""
    save_image(tmp_path / "photo.png", photo)
    save_image(tmp_path / "painting.png", painting)
    save_image(tmp_path / "other.png", painting[::-1])
    (tmp_path / "base.yaml").write_text(BASE, "utf-8")
    (tmp_path / "study.yaml").write_text(STUDY, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study(desk, tiny_vgg19, monkeypatch):
    """The study, on the tiny twin of VGG19, whose layers the measures take too."""
    study = load_study("study.yaml")
    options = study.cells[0].config.objective
    monkeypatch.setattr(
        "tfstyle.studies.measures.measuring_options", lambda *_: options
    )
    judged = dict.fromkeys(judging.MEASURES, 0.5)  # by layers that the twin lacks
    monkeypatch.setattr(judging, "judge", lambda *_: judged)
    return study


@pytest.fixture
def ran(monkeypatch):
    """The folders of the runs made, filled as they are."""
    ran = []
    run = runs.run_job

    def spy(config, inputs, folder, *rest, **options):
        ran.append(folder.name)
        return run(config, inputs, folder, *rest, **options)

    monkeypatch.setattr(runs, "run_job", spy)
    return ran


def load_all(study):
    """The pictures of all cells, each file read once."""
    load = functools.cache(load_image)
    return [load_inputs(cell.config, load) for cell in study.cells]


def results(folder):
    with open(folder / "results.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class TestStudyFile:
    def test_is_a_grid_row_by_row(self, study):
        assert study.title == "How much style"
        assert study.rows == ["the photo", "white noise"]
        assert study.columns == ["style_weight 5", "style_weight 20.5"]
        found = [
            (c.row, c.config.init, c.config.objective.style_weight) for c in study.cells
        ]
        assert found == [
            ("the photo", "content", 5),
            ("the photo", "content", 20.5),
            ("white noise", "noise", 5),
            ("white noise", "noise", 20.5),
        ]
        assert {cell.config.objective.tv_weight for cell in study.cells} == {0}
        assert len({cell.folder for cell in study.cells}) == 4

    def test_flags_come_between_the_base_and_the_axes(self, desk):
        flags = {"size": 32, "objective.style_weight": 99, "objective.tv_weight": 7}
        study = load_study("study.yaml", flags)
        assert {cell.config.size for cell in study.cells} == {32}
        assert {cell.config.objective.tv_weight for cell in study.cells} == {7}
        assert 99 not in {cell.config.objective.style_weight for cell in study.cells}

    def test_an_axis_of_flags_makes_a_study_of_a_config(self, desk):
        study = load_study("base.yaml", axes={"columns": {"seed": [1, 2, 3]}})
        assert [cell.config.seed for cell in study.cells] == [1, 2, 3]
        assert study.rows == [""]
        assert study.cells[0].config.size == 24

    def test_styles_of_flags_replace_an_axis_of_styles(self, desk):
        rows = {"styles": [[{"path": "painting.png"}]]}
        flags = {"styles": [{"path": "other.png"}, {"path": "painting.png"}]}
        study = load_study("study.yaml", flags, {"rows": rows})
        assert study.rows == ["other", "painting"]
        assert study.cells[0].config.styles[0].path == "other.png"

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ("columns: {objective.stile_weight: [1]}", "did you mean style_weight"),
            ("columns: {objective.style_weight: []}", "at least one value"),
            ("columns: {objective.style_weight: 5}", "a list"),
            ("columns: []", "columns is []"),
            ("columns: [{init: noise}]", "no label"),
            ("columns: {objective.style_weight: [-1]}", "greater"),
            ("columns: {objective.content_layers: [{relu4_2: 1}]}", "no layer"),
            ("title: nothing varies", "no columns"),
            ("colums: {seed: [1]}", "did you mean columns"),
            ("base: nowhere.yaml\ncolumns: {seed: [1]}", "nowhere.yaml"),
            ("- 1", "expected keys"),
        ],
    )
    def test_mistakes_are_one_line_that_helps(self, desk, line, complaint):
        (desk / "wrong.yaml").write_text(line, "utf-8")
        with pytest.raises(ValueError, match=r"\Astudy wrong.yaml: [^\n]*\Z") as caught:
            load_study("wrong.yaml")
        assert complaint in str(caught.value)

    @pytest.mark.parametrize(
        ("key", "value", "label"),
        [
            ("objective.style_weight", 1e-4, "style_weight 0.0001"),
            ("init", "noise", "init noise"),
            ("objective.content_layers", {"block4_conv2": 1}, "block4_conv2"),
            ("styles", [{"path": "a/도시.jpg"}, {"path": "b.png"}], "도시 + b"),
        ],
    )
    def test_labels(self, key, value, label):
        assert label_of(key, value) == label

    def test_folders_are_safe_names(self):
        assert folder_name(2, "a/b: ../c", "α = 1e-4") == "03_a_b_c_α_1e_4"

    def test_those_that_come_along_are_right(self, configs):
        grids = [
            path
            for path in (configs / "studies").glob("*.yaml")
            if "columns:" in path.read_text("utf-8")
        ]
        assert len(grids) >= 8
        for path in grids:
            study = load_study(path)
            for inputs in load_all(study):
                assert inputs.content.ndim == 3
            folders = [cell.folder for cell in study.cells]
            assert (
                len(set(folders))
                == len(folders)
                == len(study.rows) * len(study.columns)
            )


class TestRunning:
    def test_a_study_folder(self, study, desk):
        assert run_and_report(study, desk / "out") == (0, [])
        rows = results(desk / "out")
        assert [row["row"] for row in rows] == ["the photo"] * 2 + ["white noise"] * 2
        assert [row["objective.style_weight"] for row in rows] == ["5", "20.5"] * 2
        assert {row["stopped"] for row in rows} == {"finished"}
        for cell, row in zip(study.cells, rows, strict=True):
            record = json.loads((desk / "out" / cell.folder / "run.json").read_text())
            assert float(row["total"]) == pytest.approx(
                record["losses"]["total"], rel=1e-5
            )
            image = load_image(desk / "out" / cell.folder / "result.png")
            expected = psnr(image, grid_content(study, cell))
            assert float(row["psnr"]) == pytest.approx(expected, rel=1e-4)
        height, width, _ = load_image(desk / "out" / "sheet.png").shape
        assert width > 4 * WIDTHS[0]
        assert height > 2 * 100

    def test_cells_are_what_the_main_command_makes(self, study, desk):
        grid.run_study(study, desk / "out")
        cell = study.cells[3]
        job.run_job(cell.config, load_inputs(cell.config), desk / "alone")
        alone = load_image(desk / "alone/result.png")
        np.testing.assert_array_equal(
            alone, load_image(desk / "out" / cell.folder / "result.png")
        )

    def test_run_again_it_keeps_all_and_writes_the_same(self, study, desk, ran):
        grid.run_study(study, desk / "out")
        first = (desk / "out/results.csv").read_text("utf-8")
        assert len(ran) == 4
        assert grid.run_study(study, desk / "out").code == 0
        assert len(ran) == 4
        assert (desk / "out/results.csv").read_text("utf-8") == first

    def test_changed_cells_are_made_again(self, study, desk, ran):
        grid.run_study(study, desk / "out")
        (desk / "study.yaml").write_text(STUDY.replace("20.5", "30"), "utf-8")
        changed = load_study("study.yaml")
        ran.clear()
        grid.run_study(changed, desk / "out")
        assert ran == [changed.cells[1].folder, changed.cells[3].folder]

    def test_another_picture_is_a_change(self, study, desk, ran, painting):
        grid.run_study(study, desk / "out")
        save_image(desk / "painting.png", painting[:, ::-1])
        ran.clear()
        grid.run_study(study, desk / "out")
        assert len(ran) == 4

    def test_an_interrupted_study_goes_on(self, study, desk, ran, monkeypatch):
        watch = JobProgress.step

        def stop_in_the_second_cell(self, step):
            watch(self, step)
            if len(ran) == 2 and step.step == 1:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(JobProgress, "step", stop_in_the_second_cell)
        code, (line,) = run_and_report(study, desk / "out")
        assert code == 130
        assert line == f"interrupted; the same command goes on from {desk / 'out'}"
        assert len(results(desk / "out")) == 1
        monkeypatch.setattr(JobProgress, "step", watch)
        ran.clear()
        assert grid.run_study(study, desk / "out").code == 0
        assert ran == [cell.folder for cell in study.cells[1:]]
        grid.run_study(study, desk / "whole")
        for cell in study.cells:
            resumed, whole = (
                (desk / name / cell.folder / "result.png").read_bytes()
                for name in ("out", "whole")
            )
            assert resumed == whole

    def test_a_failed_cell_is_marked_and_the_others_go_on(
        self, study, desk, monkeypatch
    ):
        run = runs.run_job

        def fail_at_the_second(config, inputs, folder, *rest, **options):
            if folder.name.startswith("02"):
                raise RunError("the disk is full")
            return run(config, inputs, folder, *rest, **options)

        monkeypatch.setattr(runs, "run_job", fail_at_the_second)
        code, (line,) = run_and_report(study, desk / "out")
        assert code == 1
        assert line.endswith("style_weight 20.5 failed: the disk is full")
        stopped = [row["stopped"] for row in results(desk / "out")]
        assert stopped == ["finished", "failed", "finished", "finished"]
        assert results(desk / "out")[1]["error"] == "the disk is full"
        assert (desk / "out/sheet.png").exists()

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (ValueError("24 x 16 pixels need about 99.9 GiB"), "need about 99.9 GiB"),
            (MemoryError(), "the memory is full"),
        ],
    )
    def test_a_cell_that_cannot_be_measured_only_lacks_its_measures(
        self, study, desk, monkeypatch, error, said
    ):
        measure, number = measures.distances, []

        def fail_at_the_second(*arguments):
            number.append(len(number))
            if number[-1] == 1:
                raise error
            return measure(*arguments)

        monkeypatch.setattr(measures, "distances", fail_at_the_second)
        study = dataclasses.replace(study, caption="style_distance")
        code, (line,) = run_and_report(study, desk / "out")
        assert code == 0
        assert line.startswith("warning: the cell the photo style_weight 20.5: not mea")
        rows = results(desk / "out")
        assert {row["stopped"] for row in rows} == {"finished"}
        assert [bool(row["style_distance"]) for row in rows] == [
            True,
            False,
            True,
            True,
        ]
        assert all(row["psnr"] for row in rows)
        assert said in rows[1]["error"]
        assert (desk / "out/sheet.png").exists()

    def test_too_little_memory_to_measure_is_no_error(self, study, desk):
        """The measures take all of the default objective, in float32."""
        folder, cell = desk / "out", study.cells[0]
        pictures = load_inputs(cell.config)
        job.run_job(cell.config, pictures, folder)
        limited = cell.config.with_overrides({"memory.limit_gib": 0.01})
        found, lacking = grid.measured(limited, pictures, folder, grid_kept())
        assert found.keys() == {"psnr", "stroke_size", *judging.MEASURES}
        assert "but the run may take 0.0 GiB" in lacking

    def test_further_losses_stand_behind_the_first(self, study, desk, monkeypatch):
        run = runs.run_or_keep

        def with_another(*arguments):
            record = run(*arguments)
            return {**record, "losses": {**record["losses"], "temporal": 0.5}}

        monkeypatch.setattr(runs, "run_or_keep", with_another)
        grid.run_study(study, desk / "out")
        names = ",".join(results(desk / "out")[0])
        assert "total,content,style,variation,temporal,psnr,content_distance" in names
        assert names.endswith("stopped,error")

    def test_all_cells_share_what_is_kept(self, study, desk, monkeypatch):
        seen, run = set(), runs.run_or_keep

        def spy(config, inputs, folder, observers, kept, metadata):
            seen.add(kept)
            return run(config, inputs, folder, observers, kept, metadata)

        monkeypatch.setattr(runs, "run_or_keep", spy)
        grid.run_study(study, desk / "out")
        assert len(seen) == 1
        assert None not in seen

    def test_what_a_finished_cell_left_goes(self, study, desk, ran):
        grid.run_study(study, desk / "out")
        left = desk / "out" / study.cells[0].folder / "checkpoint.npz"
        left.touch()
        ran.clear()
        grid.run_study(study, desk / "out")
        assert ran == []
        assert not left.exists()

    @pytest.mark.parametrize("damage", [b"", b"no picture"])
    def test_an_unreadable_picture_stops_it_before_any_cell(self, study, desk, damage):
        (desk / "painting.png").write_bytes(damage)
        with pytest.raises(ValueError, match=r"painting\.png"):
            grid.run_study(study, desk / "out")
        assert not (desk / "out").exists()

    def test_there_is_one_progress_for_all(self, study, desk, capsys):
        grid.run_study(study, desk / "out")
        lines = capsys.readouterr().err.splitlines()
        first, *_, last = (cell.folder for cell in study.cells)
        assert lines[0].startswith(f"  0% 0 of 4 done, {first}: step 0")
        assert lines[-1].startswith(f"100% 3 of 4 done, {last}: step 2")


def run_and_report(study, folder):
    """Return the exit code of a study, and what was complained of."""
    lines = []
    code = grid.report(grid.run_study(study, folder), lines.append)
    return code, lines


def grid_kept():
    from tfstyle.engine.kept import Kept

    return Kept()


def grid_content(study, cell):
    """Return the content at the cell's size, as 8 bits hold it."""
    from tfstyle.images import resize, to_uint8

    content = load_inputs(cell.config).content
    return to_uint8(resize(content, 16, 24)) / np.float32(255)


class TestMeasures:
    def test_psnr(self):
        black, grey = np.zeros((2, 2, 3)), np.full((2, 2, 3), 0.1)
        assert psnr(grey, black) == pytest.approx(20)
        assert psnr(black, black) == np.inf

    def test_a_picture_is_no_distance_from_itself(self, photo, painting):
        kept, config = grid_kept(), StyleConfig(size=64, styles=[{}])
        inputs = Inputs(photo, [painting])
        own = measured_distances(config, inputs, photo, kept)
        other = measured_distances(config, inputs, photo[:, ::-1], kept)
        assert measures.content_psnr(config, inputs, photo) > 50  # 8 bits
        assert own["content_distance"] < 1e-3 < other["content_distance"]
        same = measured_distances(config, Inputs(photo, [photo]), photo, kept)
        assert same["style_distance"] < 1e-6 < own["style_distance"]


class TestOverview:
    """What stands in front of the rows, over the columns and under the cells."""

    def cells(self, desk, columns):
        study = load_study("base.yaml", axes={"columns": columns})
        return study.cells, load_all(study)

    def test_all_cells_of_a_row_are_made_of_the_same(self, desk):
        cells, inputs = self.cells(desk, {"objective.style_weight": [1, 2]})
        assert list(overview.sources(cells, inputs[0])) == ["content", "style"]
        assert overview.heading(inputs) == []

    def test_what_differs_stands_over_the_columns(self, desk):
        styles = [[{"path": "painting.png"}], [{"path": "other.png"}]]
        cells, inputs = self.cells(desk, {"styles": styles})
        assert list(overview.sources(cells, inputs[0])) == ["content"]
        assert len(overview.heading(inputs)) == 2
        cells, inputs = self.cells(desk, {"content.path": ["photo.png", "other.png"]})
        assert list(overview.sources(cells, inputs[0])) == ["style"]
        assert len(overview.heading(inputs)) == 2

    def test_what_has_no_weight_is_left_out(self, desk):
        (desk / "study.yaml").write_text(
            "base: base.yaml\nset: {objective.style_weight: 0, init: noise}\n"
            "columns: {seed: [1, 2]}"
        )
        study = load_study("study.yaml")
        found = overview.sources(study.cells, load_all(study)[0])
        assert list(found) == ["content"]

    def test_a_picture_stands_in_front_of_the_first_of_its_rows(self, photo, painting):
        rows = [{"content": photo}, {"content": photo}, {"content": painting}]
        lines = overview.source_tiles(rows, ["content"])
        drawn = [line[0] is not overview.NOTHING for line in lines]
        assert drawn == [True, False, True]

    @pytest.mark.parametrize(
        ("measure", "words"),
        [
            (None, ""),
            ("psnr", "PSNR 20.1 dB"),
            ("seconds", "seconds 3 s"),
            ("total", "total 0.0123"),
            ("style_distance", "style distance not measured"),
        ],
    )
    def test_captions(self, desk, measure, words):
        (cell, *_), _ = self.cells(desk, {"seed": [1]})
        numbers = {"losses": {"total": 0.01234}, "measures": {"psnr": 20.123}}
        outcome = CellOutcome(cell, "finished", seconds=3.0, **numbers)
        assert overview.caption(measure, outcome) == words


class TestSheet:
    def test_places_pictures_under_their_titles(self):
        red = np.ones((80, 160, 3), np.float32) * [1, 0, 0]
        blue = np.ones((80, 160, 3), np.float32) * [0, 0, 1]
        sheet = contact_sheet("", ["red", "blue"], [""], [[Tile(red), Tile(blue)]])
        is_red = np.abs(sheet - [1, 0, 0]).sum(-1) < 0.1
        is_blue = np.abs(sheet - [0, 0, 1]).sum(-1) < 0.1
        assert is_red.sum() == is_blue.sum() == (160 - GAP) * 75
        assert np.nonzero(is_red)[1].max() < np.nonzero(is_blue)[1].min()
        titles = sheet[: np.nonzero(is_red)[0].min()]
        assert titles.min() < 0.3  # letters

    def test_letters_differ_by_text_and_have_hangul(self):
        def drawn(title):
            return contact_sheet(title, [""], [""], [[Tile("x")]])

        box, other = drawn("스타일"), drawn("스타알")
        assert box.shape == other.shape
        assert np.abs(box - other).max() > 0.5  # not the same box for both

    def test_says_why_there_is_no_picture(self):
        empty = contact_sheet("", [""], [""], [[Tile("")]])
        told = contact_sheet("", [""], [""], [[Tile("failed: no space left")]])
        assert empty.min() == 1
        assert told.min() < 0.3


class TestGramMatrices:
    def test_golden_arithmetic_of_the_lectures(self):
        from tfstyle.objective.losses import gram_matrix

        features = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
        np.testing.assert_array_equal(features @ features.T, [[14, 32], [32, 77]])
        ours = 3 * gram_matrix(features.T.reshape(1, 1, 3, 2)).numpy()
        np.testing.assert_allclose(ours, [[14, 32], [32, 77]], rtol=1e-6)

    def test_block1_conv1_at_224_px(self, vgg, content_path):
        from tfstyle.images import resize
        from tfstyle.objective.losses import gram_matrix

        picture = resize(load_image(content_path), 224, 224)
        features = np.asarray(vgg(picture[None])["block1_conv1"])
        vectors = features.reshape(-1, 64).T  # one for each of the 64 neurons
        assert vectors.shape == (64, 50176)
        product = vectors @ vectors.T
        assert product.shape == (64, 64)
        ours = gram_matrix(features).numpy() * 50176
        np.testing.assert_allclose(ours, product, rtol=1e-3)

    def test_distances(self):
        style, result = np.ones((2, 2)), np.full((2, 2), 3.0)
        found = distances({"style": {"a": style}, "result": {"a": result}})
        assert found == {"a": {"style": 0, "result": 4}}

    def test_heat_maps_brighten_with_numbers(self):
        row = heat_map(np.array([[0, 0.001, 0.1, 1, 2]]), 1)[0].sum(axis=-1)
        assert (np.diff(row[:4]) > 0).all()
        assert row[4] == row[3]

    def test_the_sheet(self, desk, tiny_vgg19):
        config = (
            load_study("base.yaml", axes={"columns": {"seed": [0]}}).cells[0].config
        )
        inputs = load_inputs(config)
        assert (
            draw_gram_matrices(config, inputs, desk / "out") == desk / "out/sheet.png"
        )
        rows = results(desk / "out")
        assert [row["layer"] for row in rows][:2] == ["block1_conv1", "block2_conv1"]
        for row in rows[:2]:
            assert float(row["result"]) < float(row["content"])


@pytest.mark.slow
class TestTrends:
    """What the lectures claim, on the real network: small, but the same direction."""

    @pytest.fixture
    def rows(self, tmp_path, configs):
        def run(name, **flags):
            folder = tmp_path / name
            study = load_study(configs / "studies" / f"{name}.yaml", flags)
            assert grid.run_study(study, folder).code == 0
            return results(folder)

        return run

    def test_deeper_layers_lose_more_pixels(self, rows):
        found = rows("content_reconstruction", **{"size": 64, "pyramid.steps": [40]})
        by_depth = [float(row["psnr"]) for row in found]
        assert by_depth == sorted(by_depth, reverse=True)

    def test_more_layers_come_nearer_to_the_style(self, rows):
        found = rows("style_reconstruction", **{"size": 64, "pyramid.steps": [40]})
        distance = [float(row["style_distance"]) for row in found]
        assert distance == sorted(distance, reverse=True)


class TestHostileStudies:
    @pytest.mark.parametrize(
        "text",
        [
            "columns: {styles: [3]}",
            "rows: {seed: ["
            + "1, " * 50
            + "]}\ncolumns: {size: ["
            + "64, " * 50
            + "]}",
            "columns: " + "[" + "3, " * 5000 + "]",
        ],
    )
    def test_are_refused_in_one_short_line(self, tmp_path, text):
        path = tmp_path / "study.yaml"
        path.write_text(f"base: {ROOT / 'configs/smoke.yaml'}\n{text}\n")
        with pytest.raises(ValueError, match=r"\A[^\n]{10,600}\Z"):
            load_study(path)
