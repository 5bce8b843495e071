"""Damaged pictures without end, each from a seed of its own."""

import io
import itertools
import random
import struct
import zlib

import numpy as np
from fuzzing import SEED, delete, flip, insert, mutated, swap, truncate
from PIL import Image, ImageCms

from tfstyle.images import load_image, load_mask, load_metadata, save_image

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


def image_cases(folder):
    """Yield names of cases without end, and how to read each."""
    healthy = healthy_pictures()
    for number in itertools.count():
        rng = random.Random(SEED + number)
        name = list(healthy)[number % len(healthy)]
        path = folder / f"{number}_{name}"
        path.write_bytes(mutated(healthy[name], rng, CHANGES))
        yield path.name, lambda path=path: read_image(path)
        path.unlink()


def read_image(path):
    image = load_image(path, MEGAPIXELS)
    assert image.dtype == np.float32
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.size > 0
    assert 0 <= image.min() <= image.max() <= 1  # NaN fails as well
    mask = load_mask(path, MEGAPIXELS)
    assert mask.shape == (*image.shape[:2], 1)
    assert 0 <= mask.min() <= mask.max() <= 1
    keep = load_metadata(path, "content", True, MEGAPIXELS)
    result = path.with_name("result.png")
    save_image(result, image[:64, :64], keep=keep)
    result.unlink()
