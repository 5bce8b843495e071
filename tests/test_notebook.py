"""The notebook runs from top to bottom, and what it leans on does what it says."""

import json
import os

import nbclient
import nbformat
import numpy as np
import pytest
from conftest import ROOT

from tfstyle.notebook import Preview, figure, plot_losses, upload

NOTEBOOK = ROOT / "notebooks/tfstyle.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    assert all(cell.outputs == [] for cell in code(notebook))
    assert all(cell.execution_count is None for cell in code(notebook))


def test_it_defines_nothing(notebook):
    words = {word for cell in code(notebook) for word in cell.source.split()}
    assert not words & {"def", "class", "lambda"}


def test_it_opens_in_colab(notebook):
    assert "colab.research.google.com/github/" in notebook.cells[0].source


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_it_runs(notebook, tmp_path, monkeypatch):
    """At 64 px, in a kernel of its own, without a network."""
    monkeypatch.setenv("TFSTYLE_SIZE", "64")
    monkeypatch.setenv("TFSTYLE_OUTPUT", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT)]))
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}
    client = nbclient.NotebookClient(notebook, timeout=600, resources=resources)
    done = client.execute()
    kinds = [
        kind
        for cell in code(done)
        for output in cell.outputs
        if "data" in output
        for kind in output["data"]
    ]
    assert kinds.count("image/png") >= 9
    assert "image/gif" in kinds
    assert (tmp_path / "result.png").stat().st_size > 0
    text = json.dumps([cell.outputs for cell in code(done)], default=str)
    assert "[14, 32]" in text
    for cell in code(done):
        cell.outputs, cell.execution_count = [], None


class TestHelpers:
    def test_a_figure_has_a_panel_per_picture(self, photo, painting):
        drawn = figure([photo, painting], ["photo", "painting"])
        assert [axis.get_title() for axis in drawn.axes] == ["photo", "painting"]
        np.testing.assert_array_equal(drawn.axes[1].images[0].get_array(), painting)

    def test_a_preview_keeps_every_step_and_shows_some(self, monkeypatch, photo):
        from steps import make_step

        preview, shown = Preview(seconds=1e9), []
        monkeypatch.setattr(preview, "_show", shown.append)
        for number in range(4):
            last = number == 3
            preview(make_step(number, last=last, image=lambda: photo))
        assert [row["step"] for row in preview.history] == [0, 1, 2, 3]
        assert preview.history[0].keys() >= {"total", "content", "style", "variation"}
        assert len(shown) == 2  # the first and the last

    def test_every_loss_is_plotted(self, monkeypatch):
        from steps import make_losses

        drawn = []
        monkeypatch.setattr("tfstyle.notebook.as_png", drawn.append)
        place = {"step": 0, "scale": 0, "height": 4, "width": 6, "seconds": 0.1}
        plot_losses([{**place, **make_losses(0, temporal=0.5)}])
        (axis,) = drawn[0].axes
        names = [line.get_label() for line in axis.get_lines()]
        assert names == ["total", "content", "style", "variation", "temporal"]

    def test_uploads_outside_colab_say_what_to_do(self):
        with pytest.raises(ValueError, match="give the path"):
            upload()
