r"""Turn a command line of neural-style into a config with the same objective.

    python scripts/from_neural_style.py --output mine.yaml --line \
        'th neural_style.lua -style_image painting.jpg -content_image photo.jpg'

takes those of its PyTorch port as well ('python neural_style.py ...'), whose defaults
differ; a line without a program is the original's. What a config cannot say is named.
"""

import shlex
import sys

import yaml
from absl import flags

from tfstyle.cli.command import command, complain
from tfstyle.cli.output import path_of
from tfstyle.config.messages import one_line
from tfstyle.config.neural_style import translate
from tfstyle.system.files import write_text

FLAGS = flags.FLAGS
flags.DEFINE_string("line", None, "The command line, in quotes.")
flags.DEFINE_string("output", None, "Config to write; by default neural_style.yaml.")
flags.DEFINE_boolean("overwrite", False, "Replace a file that is there.")


def main() -> int:
    """Translate, check and write."""
    if FLAGS.line is None:
        raise ValueError("no command line; give --line 'th neural_style.lua ...'")
    output = path_of("output", "neural_style.yaml")
    if output.is_dir() or not output.parent.is_dir():
        raise ValueError(
            f"--output {output} should be a file in a folder that exists; choose "
            "another, or make the folder"
        )
    if output.exists() and not FLAGS.overwrite:
        raise ValueError(f"{output} is there; choose another --output, or --overwrite")
    config, notes = translate(words(FLAGS.line))
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    write_text(output, f"# {one_line(FLAGS.line)}\n{text}")
    for note in notes:
        complain(f"note: {note}")
    print(output)
    return 0


def words(line: str) -> list[str]:
    """Return the words of a command line, without their quotes.

    Raises:
        ValueError: for a quote that does not end.
    """
    try:
        return shlex.split(line.replace("\\\n", " "))  # as lines are broken in a shell
    except ValueError as error:
        raise ValueError(
            f"--line cannot be read ({error}); quote paths as in a shell"
        ) from None


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
