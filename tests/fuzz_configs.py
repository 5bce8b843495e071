"""Damaged configs without end, each from a seed of its own."""

import copy
import datetime
import itertools
import random

import yaml
from fuzzing import ROOT, SEED, delete, flip, insert, mutated, swap, truncate

from tfstyle.config import StyleConfig, load_config, parse_override

TOKENS = (
    *("\t", "&a ", "*a", "<<: ", "!!int x", "!!bool x", "!!binary é", "!!set {a}"),
    *(
        "!!python/object/apply:os.getcwd []",
        "---\n",
        "...\n",
        "? ",
        "- ",
        "|",
        ">",
        "'",
    ),
    *(
        '"',
        '"\\U00110000"',
        '"a\\0b"',
        '"\\ud800"',
        "%YAML 1.1\n",
        "\ufeff",
        "\0",
        "\x85",
    ),
    *("\u2028", "\x1b", "1e400", "-1", "9" * 5000, "0x" + "f" * 3000, "2020-99-99"),
    *("1" + ":30" * 2000, "1:59.5", "[" * 200, "{a: " * 200, ".nan", "-.inf", "null"),
    *("한글 😀", "[]", "{}", "true", "size: 3\n", "path: \n", "x" * 5000, "#"),
)


VALUES = (
    *(None, True, False, -1, 0, 1, 65537, 2**63, 10**400, 1e308, 1e-320, 0.5),
    *(float("nan"), float("inf"), "", " ", "nan", "1e5", "1e999", "off", "x" * 5000),
    *(
        "a\0b",
        "\ud800",
        "a\nb",
        "한글 😀.png",
        "noise",
        "block1_conv1",
        "/dev/zero",
        ".",
    ),
    *([], [[]], {}, [None], [{}], {"path": None}, {"a": 1}, {1: 2}, b"\xff", [1] * 999),
    *(datetime.date(2020, 1, 1), {"block1_conv1": 1}, {"block1_conv1": -1}, (1, 2)),
)


def places(data):
    """Yield every (container, key) of nested data."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield data, key
        if isinstance(value, dict | list):
            yield from places(value)


def restructured(text, rng):
    """Change the values or keys of a config, and write it as YAML again."""
    data = yaml.safe_load(text)
    for _ in range(rng.choice((1, 1, 2, 4))):
        found = list(places(data))
        if not found:
            break
        container, key = rng.choice(found)
        change = rng.randrange(8)
        if change == 0:
            del container[key]
        elif change == 1 and isinstance(container, dict):
            container[rng.choice((1, None, "", "a\nb", f"{key}x"))] = container.pop(key)
        elif change == 2:
            container[key] = [container[key]]
        elif change == 3:
            container[key] = str(container[key])
        else:
            container[key] = copy.deepcopy(rng.choice(VALUES))
    dump = yaml.dump(data, allow_unicode=rng.random() < 0.5, Dumper=yaml.Dumper)
    return dump.encode("utf-8", "surrogatepass")


def rewritten(text, rng):
    """Change the lines of a config, or put odd words into it."""
    lines = text.splitlines(keepends=True)
    for _ in range(rng.choice((1, 1, 2, 4))):
        one, two = (rng.randrange(len(lines)) for _ in range(2))
        change = rng.randrange(6)
        if change == 0:
            lines[one], lines[two] = lines[two], lines[one]
        elif change == 1:
            lines.insert(two, lines[one])
        elif change == 2:
            lines[one] = rng.choice((" ", "\t", "    ")) + lines[one]
        elif change == 3 and len(lines) > 1:
            del lines[one]
        else:
            place = rng.randrange(len(lines[one]))
            line = lines[one]
            lines[one] = line[:place] + rng.choice(TOKENS) + line[place:]
    return "".join(lines).encode("utf-8", "surrogatepass")


def damaged(text, rng):
    return mutated(text.encode(), rng, (flip, truncate, insert, delete, swap))


def config_cases(folder):
    """Yield names of cases without end, and how to read each."""
    recipes = sorted((ROOT / "configs").rglob("*.yaml"))
    texts = {path: path.read_text("utf-8") for path in recipes}
    keys = [f"{key}" for key in StyleConfig.model_fields]
    keys += [
        f"{key}.{inner}"
        for key, field in StyleConfig.model_fields.items()
        for inner in getattr(field.annotation, "model_fields", ())
    ]
    keys += [f"styles.{place}" for place in ("0", "9", "-1", "0.scale", "0.mask")]
    for number in itertools.count():
        rng = random.Random(SEED + number)
        recipe = recipes[number % len(recipes)]
        change = rng.choice((restructured, restructured, rewritten, damaged, None))
        if change is None:
            text = f"{rng.choice(keys)}={rng.choice((*TOKENS, *VALUES))}"
            yield f"{number} --set", lambda text=text: override(text)
            continue
        path = folder / f"{number}_{recipe.name}"
        path.write_bytes(change(texts[recipe], rng))
        yield f"{path.name} {change.__name__}", lambda path=path: read_config(path)
        path.unlink()


def read_config(path):
    assert isinstance(load_config(path), StyleConfig)


def override(text):
    key, value = parse_override(text)
    assert isinstance(StyleConfig().with_overrides({key: value}), StyleConfig)
