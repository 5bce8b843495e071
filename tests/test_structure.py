"""The shape of the code: who imports whom and when, how long, and what README says."""

import ast
import configparser
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags
from absl.testing import flagsaver

import tfstyle
from tfstyle import run

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tfstyle"
MODULES = sorted(PACKAGE.rglob("*.py"))
PROGRAMS = [*MODULES, *sorted((ROOT / "scripts").glob("*.py"))]

# What each module may import of ours. A new module is added here, below all that it
# imports: no module imports one that stands under it.
IMPORTS = {
    "messages": "",
    "yaml_file": "messages",
    "config": "messages yaml_file",
    "weights": "",
    "command": "",
    "options": "config",
    "quiet": "",
    "device": "quiet",
    "files": "",
    "images.arrays": "",
    "images.reading": "quiet images.arrays",
    "images.metadata": "images.reading",
    "images.writing": "files images.arrays images.reading images.metadata",
    "images.film": "files images.reading",
    "images.lettering": "images.arrays images.reading",
    "images": (
        "images.arrays images.reading images.metadata images.writing images.film "
        "images.lettering"
    ),
    "losses": "",
    "memory": "config",
    "pyramid": "config",
    "checkpoint": "config files",
    "extractor": "messages config weights",
    "inputs": "config weights images pyramid",
    "objective": "config losses",
    "replicas": "device",
    "tiling": "config losses extractor objective replicas",
    "optimizers": "config objective",
    "start": "config images pyramid inputs",
    "setting": "config device memory pyramid checkpoint inputs replicas",
    "stage": (
        "config images memory pyramid checkpoint extractor inputs objective replicas "
        "tiling optimizers start setting"
    ),
    "observers": "config files images checkpoint",
    "transfer": "config checkpoint inputs objective tiling setting stage",
    "record": "config weights device pyramid",
    "run_folder": "config files checkpoint",
    "signals": "",
    "job": (
        "config command device files images pyramid checkpoint inputs setting "
        "observers transfer record run_folder signals"
    ),
    "run": "command options device checkpoint inputs run_folder job",
    "studies": "",
    "studies.study": "messages yaml_file config",
    "studies.table": "files",
    "studies.sheet": "weights images inputs",
    "studies.runs": (
        "config device images checkpoint inputs stage observers run_folder job"
    ),
    "studies.measures": "config images pyramid inputs setting stage",
    "studies.grid": (
        "command device images inputs observers run_folder studies.study "
        "studies.table studies.sheet studies.runs studies.measures"
    ),
    "studies.feature_maps": (
        "messages config device images pyramid extractor inputs run_folder "
        "studies.table studies.sheet"
    ),
    "studies.gram_matrices": (
        "config device images losses pyramid inputs stage studies.table studies.sheet "
        "studies.runs"
    ),
    "studies.film": (
        "config images pyramid inputs observers studies.table studies.sheet "
        "studies.runs"
    ),
    "studies.recognition": "device inputs",
    "notebook": "inputs",
    "__init__": "config device images transfer",
}
LIGHT = (
    "config files quiet images weights command options memory pyramid checkpoint "
    "inputs start observers record run_folder signals job studies.study studies.sheet "
    "studies.runs studies.grid studies.film studies.feature_maps "
    "studies.gram_matrices studies.recognition"
)


def name_of(path):
    """Return the name of a module within tfstyle; of a package, its own."""
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return name.removesuffix(".__init__")


def parse(path):
    return ast.parse(path.read_text("utf-8"))


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imported(tree):
    """Yield the full name of all that is imported, but for what only types need."""
    for node in ast.iter_child_nodes(tree):
        if is_for_types(node):
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "import by full names"
            yield from (f"{node.module}.{each.name}" for each in node.names)
        else:
            yield from imported(node)


def ours(path):
    """Return the modules of tfstyle that one of them imports."""
    known = {name_of(each) for each in MODULES} - {"__init__"}
    found = set()
    for name in imported(parse(path)):
        parts = name.split(".")
        if parts[0] == "tfstyle":
            names = ".".join(parts[1:3]), ".".join(parts[1:2])
            found |= {next((name for name in names if name in known), "")} - {""}
    return found


class TestImports:
    def test_every_module_has_its_place(self):
        assert {name_of(path) for path in MODULES} == IMPORTS.keys()

    @pytest.mark.parametrize("path", MODULES, ids=name_of)
    def test_are_those_of_the_table(self, path):
        assert ours(path) <= set(IMPORTS[name_of(path)].split())

    def test_have_an_order(self):
        above = set()
        for name, allowed in IMPORTS.items():
            assert set(allowed.split()) <= above
            above.add(name)

    def test_only_images_knows_pillow(self):
        users = {
            path.parent.name
            for path in MODULES
            if any(name.split(".")[0] == "PIL" for name in imported(parse(path)))
        }
        assert users == {"images"}

    @pytest.mark.parametrize(
        "statement",
        [
            "import tfstyle",
            "import tfstyle.config.schema",
            "; ".join(f"import tfstyle.{name}" for name in LIGHT.split()),
            "from tfstyle.run import main; main(['tfstyle', '--help'])",
            "from tfstyle.run import main; main(['tfstyle', '--config', 'nope.yaml'])",
            (
                "from tfstyle.run import main; main(['tfstyle', '--config', "
                "'configs/smoke.yaml', '--size', '16'])"
            ),
        ],
    )
    def test_load_no_tensorflow(self, statement):
        heavy = {"tensorflow", "keras"}
        code = f"import sys; {statement}; print(*{heavy} & sys.modules.keys())"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == ""


def functions(path):
    """Yield each function of a file and its number of lines without the docstring."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield node.name, lines


class TestCode:
    @pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
    def test_functions_are_short(self, path):
        long = [(name, lines) for name, lines in functions(path) if lines >= 40]
        assert long == []

    @pytest.mark.parametrize("path", MODULES, ids=name_of)
    def test_users_get_errors_not_asserts(self, path):
        """An assert may only state what the line before it has made sure of."""
        asserts = [
            node for node in ast.walk(parse(path)) if isinstance(node, ast.Assert)
        ]
        assert all(" is not None" in ast.unparse(node) for node in asserts)

    def test_studies_are_thin_over_the_package(self):
        studies = ("ablate", "reconstruct", "feature_maps", "gram_matrices", "film")
        for name in (*studies, "recognize"):
            text = (ROOT / "scripts" / f"{name}.py").read_text("utf-8")
            assert len(text.splitlines()) < 80

    @pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
    def test_modules_say_what_they_are(self, path):
        assert ast.get_docstring(parse(path))


class TestInterface:
    def test_every_public_name_is_there(self):
        assert set(tfstyle.__all__) == {
            *("Result", "Step", "StyleConfig", "load_image", "save_image", "stylize"),
        }
        for name in tfstyle.__all__:
            assert getattr(tfstyle, name).__doc__

    def test_the_first_use_prints_nothing(self):
        done = subprocess.run(
            [sys.executable, "-c", "from tfstyle import stylize"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == ("", "")

    def test_there_is_nothing_else(self):
        with pytest.raises(AttributeError, match="no attribute 'paint'"):
            tfstyle.paint  # noqa: B018

    def test_the_command_is_installed(self):
        setup = configparser.ConfigParser()
        setup.read(ROOT / "setup.cfg", "utf-8")
        scripts = setup["options.entry_points"]["console_scripts"].split("\n")
        module, function = dict(
            line.replace(" ", "").split("=") for line in scripts if line
        )["tfstyle"].split(":")
        assert getattr(importlib.import_module(module), function) is run.main

    def test_the_module_s_help_names_every_flag(self):
        done = subprocess.run(
            [sys.executable, "-m", "tfstyle.run", "--help"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        for name in (
            *("--config", "--content", "--style", "--size", "--output", "--set"),
            *("--[no]resume", "--[no]overwrite", "--[no]dry_run"),
        ):
            assert name in done.stdout


def commands(text):
    """Return each `python -m tfstyle.run` in a text's fenced blocks, as arguments."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ")
    found = re.findall(r"python -m tfstyle\.run\b(.*?)(?:&&|$)", lines, re.MULTILINE)
    return [shlex.split(arguments, comments=True) for arguments in found]


README = (ROOT / "README.md").read_text("utf-8")


class TestReadme:
    def test_has_commands(self):
        assert len(commands(README)) >= 2

    @pytest.mark.parametrize("arguments", commands(README), ids=" ".join)
    def test_its_commands_can_be_given(self, arguments, monkeypatch):
        monkeypatch.chdir(ROOT)
        with flagsaver.flagsaver():
            rest = flags.FLAGS(["tfstyle", *arguments])[1:]
            config = run.config_from_flags()
            from_a_file = flags.FLAGS.config is not None
        assert rest == []
        if from_a_file:
            paths = [config.content.path, *(style.path for style in config.styles)]
            assert [path for path in paths if not Path(path).is_file()] == []

    def test_its_flags_are_there(self):
        named = set(re.findall(r"`--(\w+)", README))
        assert named
        defined = re.compile(r'flags\.DEFINE_\w+\(\s*"(\w+)"')
        of_scripts = [
            name
            for path in (ROOT / "scripts").glob("*.py")
            for name in defined.findall(path.read_text("utf-8"))
        ]
        assert named <= {*flags.FLAGS, *of_scripts}

    def test_its_scripts_are_there(self):
        named = re.findall(r"python (scripts/\w+\.py)", README)
        assert len(named) >= 6
        assert [name for name in named if not (ROOT / name).is_file()] == []

    def test_its_files_are_there(self):
        links = re.findall(r"\]\(([\w./-]+)\)", README)
        named = re.findall(
            r"`((?:configs|scripts|docs|examples|tfstyle)/[\w./-]+)`", README
        )
        assert links
        missing = [name for name in (*links, *named) if not (ROOT / name).exists()]
        assert missing == []

    def test_nothing_is_left_to_fill_in(self):
        assert re.findall(r"^[A-Z_]{4,}$", README, re.MULTILINE) == []


def written_files():
    """Yield the text files of the repository, without what was built or computed."""
    skipped = {".git", ".venv", "venv", "runs", "build", "dist", "__pycache__"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in skipped and not name.endswith(("_cache", ".egg-info"))
        ]
        for name in names:
            try:
                yield Path(folder, name), Path(folder, name).read_text("utf-8")
            except UnicodeDecodeError:
                continue


def test_no_file_names_a_place_on_somebody_s_machine():
    place = re.compile(
        r"(?<![\w.:/-])/(home|Users|root|work|mnt|tmp|srv)/\w+|[A-Z]:\\\w"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, text in written_files()
        for match in place.finditer(text)
    ]
    assert found == []
