"""The shape of the code: who imports whom and when, how long, and what README says."""

import ast
import configparser
import importlib
import os
import re
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from absl import flags
from absl.testing import flagsaver

import tfstyle
from tfstyle import run
from tfstyle.config import load_config
from tfstyle.studies.study import load_study

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tfstyle"
MODULES = sorted(PACKAGE.rglob("*.py"))
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
PROGRAMS = [*MODULES, *sorted((ROOT / "scripts").rglob("*.py"))]

# From the top: each room imports only from rooms below it. vgg stands below config,
# because config reads the one table of layers; nothing of it that config reads needs
# TensorFlow.
ROOMS = (
    *("run", "batch", "video", "cli", "notebook", "clips", "studies", "jobs", "runs"),
    *("api", "engine", "optimizers", "objective", "images", "config", "vgg"),
    *("system", "errors"),
)
# What may import TensorFlow as it is imported; all others do so when they are used.
HEAVY = (
    *("engine.context", "engine.guided_filter", "engine.kept", "engine.loop"),
    *("engine.parametrization", "engine.stage", "objective", "optimizers"),
    *("jobs.style_targets", "studies.measures", "system.replicas"),
    *("vgg.borders", "vgg.extractor", "vgg.pretrained", "vgg.tiles"),
)


def name_of(path):
    """Return the name of a module within tfstyle; of a package, its own."""
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return name.removesuffix(".__init__").replace("__init__", "")


def room_of(name):
    return name.partition(".")[0]


NAMES = {name_of(path): path for path in MODULES}
LIGHT = [
    name
    for name in NAMES
    if name and not any(f"{name}.".startswith(f"{heavy}.") for heavy in HEAVY)
]


def parse(path):
    return ast.parse(path.read_text("utf-8"))


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imported(tree, types=False):
    """Yield the full name of all that is imported; what only types need if asked to."""
    for node in ast.iter_child_nodes(tree):
        if is_for_types(node) and not types:
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "import by full names"
            yield from (f"{node.module}.{each.name}" for each in node.names)
        else:
            yield from imported(node, types)


def ours(name, types=False):
    """Return the modules of tfstyle that one of them imports."""
    found = set()
    for full in imported(parse(NAMES[name]), types):
        if full.startswith("tfstyle."):
            inner = full.removeprefix("tfstyle.")
            while inner and inner not in NAMES:  # a name that a module has
                inner = inner.rpartition(".")[0]
            found.add(inner)
    return found


def users_of(package):
    """Return the modules that import a package of somebody else."""
    return {
        name
        for name, path in NAMES.items()
        if package in {full.partition(".")[0] for full in imported(parse(path), True)}
    }


class TestRooms:
    def test_are_those_of_the_design(self):
        found = {room_of(name) for name in NAMES if name}
        assert found == set(ROOMS)
        assert len(ROOMS) <= 18

    @pytest.mark.parametrize("name", [name for name in NAMES if name])
    def test_import_only_from_rooms_below(self, name):
        here = ROOMS.index(room_of(name))
        rooms = {room_of(each) for each in ours(name, types=True)}
        above = [
            room
            for room in rooms - {room_of(name)}
            if not room or ROOMS.index(room) < here
        ]
        assert above == []

    @pytest.mark.parametrize("room", ROOMS)
    def test_have_no_circles_among_their_files(self, room):
        left = {
            name: {each for each in ours(name) if room_of(each) == room}
            for name in NAMES
            if room_of(name) == room
        }
        while left:
            free = {name for name, needs in left.items() if not needs & left.keys()}
            assert free, f"{sorted(left)} import each other"
            left = {name: needs for name, needs in left.items() if name not in free}

    @pytest.mark.parametrize("name", NAMES)
    def test_know_of_the_package_only_its_version(self, name):
        """`import tfstyle` may stand anywhere, as it is the way to __version__."""
        taken = {
            node.attr
            for node in ast.walk(parse(NAMES[name]))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "tfstyle"
        }
        assert taken <= {"__version__"}

    @pytest.mark.parametrize(
        ("package", "rooms"),
        [
            ("PIL", {"images"}),
            ("absl", {"batch", "cli", "run", "video"}),
            ("av", {"clips"}),
            ("cv2", {"clips"}),
        ],
    )
    def test_some_have_a_package_to_themselves(self, package, rooms):
        assert {room_of(name) for name in users_of(package)} == rooms

    def test_the_engine_knows_no_files(self):
        for name, path in NAMES.items():
            if room_of(name) != "engine":
                continue
            packages = {full.partition(".")[0] for full in imported(parse(path), True)}
            assert not packages & {"io", "os", "pathlib", "shutil", "tempfile"}
            called = {
                node.func.id
                for node in ast.walk(parse(path))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            assert "open" not in called

    @pytest.mark.parametrize("room", ROOMS)
    def test_say_what_belongs_in_them(self, room):
        path = NAMES[room]
        assert ast.get_docstring(parse(path))


class TestTensorFlow:
    @pytest.mark.parametrize(
        "statement",
        [
            "import tfstyle",
            "; ".join(f"import tfstyle.{name}" for name in LIGHT),
            "from tfstyle.run import main; main(['tfstyle', '--help'])",
            "from tfstyle.run import main; main(['tfstyle', '--config', 'nope.yaml'])",
            (
                "from tfstyle.run import main; main(['tfstyle', '--config', "
                "'configs/classic.yaml', '--size', '16'])"
            ),
        ],
        ids=["tfstyle", "light modules", "help", "a bad config", "a bad input"],
    )
    def test_is_not_loaded_by(self, statement):
        heavy = {"tensorflow", "keras"}
        code = f"import sys; {statement}; print(*{heavy} & sys.modules.keys())"
        done = python("-c", code)
        assert done.stdout.splitlines()[-1] == ""

    def test_the_light_modules_are_most(self):
        assert len(LIGHT) > len(NAMES) / 2


def python(*arguments):
    """Run a Python program in the repository; return what it did."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )


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

    def test_most_functions_are_shorter(self):
        lines = [count for path in PROGRAMS for _, count in functions(path)]
        assert statistics.median(lines) <= 10
        assert statistics.quantiles(lines, n=10)[-1] <= 25

    @pytest.mark.parametrize("path", MODULES, ids=name_of)
    def test_files_are_short(self, path):
        assert len(path.read_text("utf-8").splitlines()) < 300

    @pytest.mark.parametrize("path", MODULES, ids=name_of)
    def test_users_get_errors_not_asserts(self, path):
        """An assert may only state what the line before it has made sure of."""
        asserts = [
            node for node in ast.walk(parse(path)) if isinstance(node, ast.Assert)
        ]
        assert all(" is not None" in ast.unparse(node) for node in asserts)

    @pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
    def test_configs_validate(self, path):
        """A study says what it varies; all others are configs, also of studies."""
        if {"rows", "columns"} & yaml.safe_load(path.read_text("utf-8")).keys():
            assert load_study(path).cells
        else:
            assert load_config(path).content.path

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
            *("Result", "Step", "Stop", "StyleConfig"),
            *("load_image", "save_image", "stylize"),
        }
        for name in tfstyle.__all__:
            assert getattr(tfstyle, name).__doc__

    def test_the_first_use_prints_nothing(self):
        done = python("-c", "from tfstyle import stylize")
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
        done = python("-m", "tfstyle.run", "--help")
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
        known = [
            name
            for path in PROGRAMS
            for name in defined.findall(path.read_text("utf-8"))
        ]
        assert named <= {*flags.FLAGS, *known}

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
