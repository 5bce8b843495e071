"""Thousands of damaged pictures and configs: each is read, or refused in one line.

Whoever breaks a file by chance finds what nobody thought of. The cases are drawn from a
seed, so a number names one; each batch runs in a process of its own, which measures the
time and the memory of every case. By hand:

    python tests/test_fuzz.py images 3000
    python tests/test_fuzz.py configs 2000
"""

import contextlib
import datetime
import faulthandler
import io
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageCms

from tfstyle.config.loading import load_config, parse_override
from tfstyle.config.schema import StyleConfig
from tfstyle.images import load_image, load_metadata, save_image

ROOT = Path(__file__).parent.parent
SEED = 20261121
SECONDS, MEBIBYTES = 2.0, 500.0  # allowed for a case
HANG = 60  # seconds after which the batch ends with a traceback
ADDRESS_SPACE = 4 << 30
# A valid header may ask for as much as is allowed, which takes 12 bytes a pixel.
MEGAPIXELS = 16
EXTREMES = (
    0,
    1,
    0x7F,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)


def run_batch(kind, count):
    """Run a batch in a process of its own; return its report."""
    done = subprocess.run(
        [sys.executable, __file__, kind, str(count)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    # Libraries in C may write to the screen what they think of a file.
    assert len(done.stderr.splitlines()) == count, done.stderr[:3000]
    return json.loads(done.stdout)


def check(kind, count):
    report = run_batch(kind, count)
    assert report["failures"] == []
    assert report["read"] + report["refused"] == count
    # Else the mutations are too weak, or too strong, to test anything.
    assert min(report["read"], report["refused"]) > count // 20


@pytest.mark.parametrize(("kind", "count"), [("images", 200), ("configs", 300)])
def test_some(kind, count):
    check(kind, count)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "count"), [("images", 3000), ("configs", 2000)])
def test_many(kind, count):
    check(kind, count)


# Pictures


def picture(mode="RGB", size=(40, 30)):
    """Return a small picture with some structure, in a mode of Pillow."""
    rng = np.random.default_rng(1)
    low = rng.integers(0, 256, (4, 5, 4), np.uint8)
    image = Image.fromarray(low, "RGBA").resize(size, Image.Resampling.BICUBIC)
    if mode in ("I;16", "I", "F"):
        grey = np.asarray(image.convert("L"))
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        values = grey / 255 if mode == "F" else grey * 257.0
        return Image.fromarray(values.astype(kind))
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def encoded(kind, mode="RGB", **options):
    buffer = io.BytesIO()
    picture(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def deep_png(interlaced):
    """Return an RGB PNG of 16 bits, which Pillow does not write."""
    pixels = np.asarray(picture()).astype(">u2") * 257
    steps = [(0, 0, 1, 1)]
    if interlaced:  # Adam7: first row and column, and the steps between them
        steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2)]
        steps += [(0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, right in steps
        for row in pixels[top::down, left::right]
    )
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, int(interlaced))
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(itertools.starmap(chunk, chunks))


def healthy_pictures():
    """Return files of every kind that is read, and some of kinds that are not."""
    exif = Image.Exif()
    exif[274] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noted = {"exif": exif, "icc_profile": profile}
    film = {"save_all": True, "append_images": [picture("RGB"), picture("RGB")]}
    files = {
        "noted.jpg": encoded("JPEG", **noted),
        "progressive.jpg": encoded("JPEG", progressive=True),
        "grey.jpg": encoded("JPEG", "L"),
        "cmyk.jpg": encoded("JPEG", "CMYK"),
        "plain.png": encoded("PNG"),
        "noted.png": encoded("PNG", "RGBA", **noted),
        "palette.png": encoded("PNG", "P", transparency=3),
        "bits.png": encoded("PNG", "1"),
        "grey_alpha.png": encoded("PNG", "LA"),
        "grey16.png": encoded("PNG", "I;16"),
        "rgb16.png": deep_png(False),
        "interlaced.png": deep_png(True),
        "film.png": encoded("PNG", **film),
        "lossy.webp": encoded("WEBP", **noted),
        "lossless.webp": encoded("WEBP", "RGBA", lossless=True),
        "film.webp": encoded("WEBP", **film),
        "grey16.tif": encoded("TIFF", "I;16"),
        "float.tif": encoded("TIFF", "F"),
        "integer.tif": encoded("TIFF", "I"),
        "palette.tif": encoded("TIFF", "P"),
        "cmyk.tif": encoded("TIFF", "CMYK", compression="tiff_lzw"),
        "pages.tif": encoded("TIFF", **film),
        "gif.png": encoded("GIF", "P"),
        "bmp.jpg": encoded("BMP"),
        "text.webp": b"Dear diary,\n" * 20,
    }
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        options = {"compression": compression}
        files[f"{compression}.tif"] = encoded("TIFF", "RGB", **options)
    files["fax.tif"] = encoded("TIFF", "1", compression="group4")
    return files


def flip(data, rng):
    for _ in range(rng.choice((1, 2, 8, 40))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def truncate(data, rng):
    del data[rng.randrange(len(data)) :]


def insert(data, rng):
    place = rng.randrange(len(data))
    data[place:place] = rng.randbytes(rng.choice((1, 2, 16, 300)))


def delete(data, rng):
    place = rng.randrange(len(data))
    del data[place : place + rng.choice((1, 2, 16, 300))]


def swap(data, rng):
    size = rng.choice((4, 16, 100))
    one, two = (rng.randrange(len(data)) for _ in range(2))
    data[one : one + size], data[two : two + size] = (
        data[two : two + size],
        data[one : one + size],
    )


def overwrite(data, rng):
    """Put an extreme number somewhere, most often into the header."""
    place = rng.randrange(rng.choice((64, 600, len(data))))
    size, order = rng.choice((1, 2, 4)), rng.choice(("big", "little"))
    number = rng.choice(EXTREMES) & (256**size - 1)
    data[place : place + size] = number.to_bytes(size, order)


def resize(data, rng):
    """Change the size in the header, or two bytes after any JPEG marker."""
    sides = [rng.choice((0, 1, 41, 3000, 20000, 0xFFFF, 0x7FFFFFFF)) for _ in range(2)]
    if data.startswith(b"\x89PNG"):
        data[16:24] = struct.pack(">II", *sides)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif data.startswith(b"\xff\xd8"):
        for marker in (b"\xff\xc0", b"\xff\xc2"):
            if (place := data.find(marker)) > 0:
                low = [side & 0xFFFF for side in sides]
                data[place + 5 : place + 9] = struct.pack(">HH", *low)
    elif data.startswith(b"RIFF"):
        data[24:30] = b"".join(
            (side & 0xFFFFFF).to_bytes(3, "little") for side in sides
        )
    else:  # the width and height among a TIFF's tags, each of one short or long
        for tag, side in zip((256, 257), sides, strict=True):
            if (place := data.find(struct.pack("<H", tag))) > 0:
                data[place + 2 : place + 12] = struct.pack("<HII", 4, 1, side)


def rearrange(data, rng):
    """Change the chunks of a PNG, with checksums that fit; else swap bytes."""
    if not data.startswith(b"\x89PNG"):
        return swap(data, rng)
    chunks, place = [], 8
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        start = place + 8
        chunks.append((bytes(data[place + 4 : start]), data[start : start + size]))
        place = start + size + 4
    if chunks:
        one, two = (rng.randrange(len(chunks)) for _ in range(2))
        change = rng.randrange(4)
        if change == 0:
            chunks[one], chunks[two] = chunks[two], chunks[one]
        elif change == 1:
            chunks.insert(two, chunks[one])
        elif change == 2:
            del chunks[one]
        elif chunks[one][1]:
            rng.choice((flip, overwrite, truncate, delete))(chunks[one][1], rng)
    data[8:] = b"".join(itertools.starmap(chunk, chunks))
    return None


CHANGES = (flip, truncate, insert, delete, swap, overwrite, resize, rearrange)


def mutated(data, rng, changes=CHANGES):
    """Return the bytes after one to three changes."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        if data:
            rng.choice(changes)(data, rng)
    return bytes(data)


def image_cases(folder):
    """Yield names of cases without end, and how to read each."""
    healthy = healthy_pictures()
    for number in itertools.count():
        rng = random.Random(SEED + number)
        name = list(healthy)[number % len(healthy)]
        path = folder / f"{number}_{name}"
        path.write_bytes(mutated(healthy[name], rng))
        yield path.name, lambda path=path: read_image(path)
        path.unlink()


def read_image(path):
    image = load_image(path, MEGAPIXELS)
    assert image.dtype == np.float32
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.size > 0
    assert 0 <= image.min() <= image.max() <= 1  # NaN fails as well
    keep = load_metadata(path, "content", True, MEGAPIXELS)
    result = path.with_name("result.png")
    save_image(result, image[:64, :64], keep=keep)
    result.unlink()


# Configs

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
            container[key] = rng.choice(VALUES)
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


# The process of a batch


def attempt(read):
    """Return "read", "refused", or what is wrong with how the case ended."""
    try:
        read()
    except ValueError as error:
        line = str(error)
        if isinstance(error.__cause__, MemoryError):
            return "it took too much memory"
        if len(line.splitlines()) != 1 or len(line) > 1000 or not line.isprintable():
            return f"not one clear line: {line[:2000]!r}"
        return "refused"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:500]
    return "read"


def memory(name):
    """Return VmRSS or VmHWM of this process in MiB; 0 where no system tells."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
        return int(line.split()[1]) / 1024
    return 0.0


def forget_peak():
    """Let VmHWM begin anew, so that the next peak is that of one case."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def batch(kind, count):
    """Run the first cases of a kind, and print a report as JSON."""
    cases = {"images": image_cases, "configs": config_cases}[kind]
    outcomes, failures = {"read": 0, "refused": 0}, []
    slowest, largest = (0.0, ""), (0.0, "")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for name, read in itertools.islice(cases(Path(folder)), count):
            print(name, file=sys.stderr)  # the last of them, if the process dies
            forget_peak()
            before, start = memory("VmRSS"), time.perf_counter()
            faulthandler.dump_traceback_later(HANG, exit=True)
            outcome = attempt(read)
            faulthandler.cancel_dump_traceback_later()
            seconds = time.perf_counter() - start
            growth = memory("VmHWM") - before
            slowest = max(slowest, (round(seconds, 3), name))
            largest = max(largest, (round(growth, 1), name))
            if outcome in outcomes:
                outcomes[outcome] += 1
            else:
                failures.append(f"{name}: {outcome}")
            if seconds > SECONDS or growth > MEBIBYTES:
                failures.append(f"{name}: {seconds:.2f} s, {growth:.0f} MiB")
    report = {
        **outcomes,
        "seconds": round(time.perf_counter() - began, 1),
        "slowest_seconds": slowest,
        "largest_growth_mib": largest,
        "failures": failures,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    batch(sys.argv[1], int(sys.argv[2]))
