"""tfstyle in a program that has flags of its own, by absl."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from absl import app, flags

flags.DEFINE_string("output", "mine", "As many a program has it.")
flags.DEFINE_string("config", None, "And this.")
{before}

def main(argv):
    {within}
    print(flags.FLAGS.output)

app.run(main)
"""
ROOMS = (
    "import tfstyle, tfstyle.errors, tfstyle.runs.job, tfstyle.studies.grid, "
    "tfstyle.system.files"
)


def run(before, within, *arguments):
    program = PROGRAM.format(before=before, within=within)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("imports", [ROOMS, "import tfstyle.cli.command"])
@pytest.mark.parametrize("early", [True, False])
def test_imports_define_no_flags(imports, early):
    places = (imports, "pass") if early else ("", imports)
    done = run(*places, "--output=theirs")
    assert (done.returncode, done.stdout, done.stderr) == (0, "theirs\n", "")


def test_its_help_is_its_own():
    done = run(ROOMS, "pass", "--help")
    assert "As many a program has it." in done.stdout
    assert "tfstyle" not in done.stdout.replace(os.getcwd(), "")


def test_a_command_can_be_called_in_it():
    within = (
        "from tfstyle.cli.command import command; "
        "assert command(lambda: 7, 'usage', ['tfstyle']) == 7"
    )
    done = run("", within)
    assert (done.returncode, done.stderr) == (0, "")
