r"""Compare recipes on pairs of pictures: one sheet, and their measures in one table.

    python scripts/compare.py --recipe configs/default.yaml \
        --recipe configs/neural_style.yaml --pair photo.jpg,painting.jpg --size 256

writes sheet.png (a row for each pair, a column for each recipe), results.csv and a run
directory for each of them into --output. Run again, it goes on. --set changes all
recipes, --pair names the pictures. What the measures mean is in docs/studies.md.
"""

import sys
from pathlib import Path

from absl import flags

from tfstyle.cli.command import command, complain
from tfstyle.cli.options import output_folder, overrides_from_flags
from tfstyle.cli.placing import place_from_flags
from tfstyle.config import StyleConfig, load_config
from tfstyle.studies.grid import report, run_study
from tfstyle.studies.study import Cell, Study, folder_name

FLAGS = flags.FLAGS
flags.DEFINE_multi_string("recipe", [], "YAML file of a recipe; repeatable.")
flags.DEFINE_multi_string("pair", [], "CONTENT,STYLE: two paths; repeatable.")


def main() -> int:
    """Run every recipe on every pair."""
    if not FLAGS.recipe or not FLAGS.pair:
        raise ValueError(
            "no recipe or no pair; give --recipe configs/default.yaml and "
            "--pair photo.jpg,painting.jpg"
        )
    changes = overrides_from_flags()
    recipes = {
        Path(path).stem: load_config(path).with_overrides(changes)
        for path in FLAGS.recipe
    }
    pairs = {title(*pair): pair for pair in map(paths, FLAGS.pair)}
    cells = [
        cell(number, (row, column), recipe, pair)
        for number, (row, pair, column, recipe) in enumerate(
            (row, pair, column, recipe)
            for row, pair in pairs.items()
            for column, recipe in recipes.items()
        )
    ]
    study = Study("", [*pairs], [*recipes], cells, None)
    folder = output_folder("runs/compare")
    return report(run_study(study, folder, place_from_flags(folder)), complain)


def paths(pair: str) -> tuple[str, str]:
    """Split CONTENT,STYLE."""
    content, comma, style = pair.partition(",")
    if not (content and comma and style):
        raise ValueError(f"--pair {pair!r} is no CONTENT,STYLE; give two paths")
    return content, style


def title(content: str, style: str) -> str:
    """Return what a row is called."""
    return f"{Path(content).stem} x {Path(style).stem}"


def cell(
    number: int, labels: tuple[str, str], recipe: StyleConfig, pair: tuple[str, str]
) -> Cell:
    """Return one run."""
    content, style = pair
    keys = {"content.path": content, "styles": [{"path": style}]}
    config = recipe.with_overrides(keys)
    return Cell(*labels, {}, config, folder_name(number, *labels))


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
