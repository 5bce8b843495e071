"""tfstyle.studies.strength: several strengths, each from the one before."""

import pytest
from PIL import Image
from small_runs import TWO_SCALES, make_config

from tfstyle.config import load_config
from tfstyle.images import save_image
from tfstyle.jobs import perform
from tfstyle.studies.grid import run_study
from tfstyle.studies.strength import FADE, strength_study, write_strength_film


@pytest.fixture
def config(tmp_path, photo, painting):
    save_image(tmp_path / "photo.png", photo)
    save_image(tmp_path / "painting.png", painting)
    paths = {
        "content.path": str(tmp_path / "photo.png"),
        "styles": [{"path": str(tmp_path / "painting.png")}],
    }
    return make_config(TWO_SCALES, paths)


def test_the_middle_runs_first_and_the_others_outward(config):
    study = strength_study(config, [4, 0.1, 1, 0.5, 2], steps=3)
    labels = ["0.1", "0.5", "1", "2", "4"]
    assert study.columns == labels
    folders = {cell.folder: cell.column for cell in study.cells}
    after = [folders.get(cell.after) for cell in study.cells]
    assert after == ["0.5", "1", None, "1", "2"]
    weights = [cell.config.objective.style_weight for cell in study.cells]
    assert weights == pytest.approx([3.5, 17.5, 35, 70, 140])


def test_strengths_are_factors_of_a_list_as_well(config):
    listed = config.with_overrides({"objective.style_weight": [10, 20]})
    study = strength_study(listed, [0.5, 1], steps=3)
    assert study.cells[0].config.objective.style_weight == [5, 10]


def test_others_take_few_steps_and_more_at_coarse_sizes(config):
    study = strength_study(config, [0.5, 1, 2], steps=3)
    steps = [cell.config.pyramid.steps for cell in study.cells]
    assert steps == [[3, 3], [3, 4], [3, 3]]  # at most what there is at each size
    long = config.with_overrides({"pyramid.steps": [90]})
    assert strength_study(long, [1, 2], 3).cells[1].config.pyramid.steps == [6, 3]


def test_the_first_is_nearest_to_one(config):
    study = strength_study(config, [1, 100], steps=3)
    assert [cell.after for cell in study.cells] == [None, study.cells[0].folder]


def test_without_a_style_there_is_no_strength(config):
    with pytest.raises(ValueError, match="all strengths are the same"):
        strength_study(config.with_overrides({"objective.style_weight": 0}), [1, 2], 3)


def test_each_starts_from_the_result_before(config, tmp_path, tiny_vgg19):
    study = strength_study(config, [0.5, 1, 2], steps=1)
    folder = tmp_path / "out"
    result = run_study(study, folder)
    assert (result.code, len(result.outcomes)) == (0, 3)
    inits = [
        load_config(folder / cell.folder / "config.yaml").init for cell in study.cells
    ]
    before = str(folder / study.cells[1].folder / "result.png")
    assert inits == [before, "content", before]
    assert [row.cell.column for row in result.outcomes] == ["0.5", "1", "2"]
    write_strength_film(study, folder, folder / "film.gif")
    with Image.open(folder / "film.gif") as film:
        assert film.n_frames > 2 * FADE - 3  # equal frames are one


def test_run_again_all_are_kept_until_the_first_changes(
    config, tmp_path, tiny_vgg19, monkeypatch
):
    count = []
    whole = perform.run_job
    monkeypatch.setattr(
        perform, "run_job", lambda *a, **k: count.append(a[2].name) or whole(*a, **k)
    )
    for seed, expected in ((0, 3), (0, 0), (1, 3)):
        count.clear()
        changed = config.with_overrides({"init": "noise", "seed": seed})
        run_study(strength_study(changed, [0.5, 1, 2], steps=1), tmp_path / "out")
        assert len(count) == expected


def test_what_starts_from_a_failed_one_fails_too(
    config, tmp_path, tiny_vgg19, monkeypatch
):
    whole = perform.run_or_keep

    def failing(config, inputs, folder, *rest):
        if folder.name.endswith("strength_2"):
            raise ValueError("no memory")
        return whole(config, inputs, folder, *rest)

    monkeypatch.setattr(perform, "run_or_keep", failing)
    study = strength_study(config, [0.5, 1, 2, 4], 1)
    result = run_study(study, tmp_path / "out")
    errors = [each.error for each in result.outcomes]
    assert errors[2:] == [
        "no memory",
        f"it starts from {study.cells[2].folder}, which has no result",
    ]
    assert result.code == 1


def test_if_all_fail_the_sheet_says_why(config, tmp_path, tiny_vgg19, monkeypatch):
    def failing(*_):
        raise ValueError("no memory")

    monkeypatch.setattr(perform, "run_or_keep", failing)
    result = run_study(strength_study(config, [0.5, 1], 1), tmp_path / "deep" / "out")
    assert result.sheet.is_file()
    assert (tmp_path / "deep" / "out" / "results.csv").is_file()
    assert result.code == 1
