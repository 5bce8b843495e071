"""Picture files of every kind, some of them written by hand."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from tfstyle import images

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")


LOSSLESS = (".png", ".webp", ".tif")


PLAIN = Image.new("RGB", (4, 4))


def random_image(height=13, width=17, seed=0):
    """8-bit noise, as exact floats."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return (values / 255).astype(np.float32)


def smooth_image(height=24, width=32):
    """Ramps that survive JPEG."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([y / height, x / width, 0.5 + 0 * x], axis=-1).astype(np.float32)


def assert_valid(image):
    assert image.dtype == np.float32
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.flags.c_contiguous
    assert image.min() >= 0
    assert image.max() <= 1


def png_chunk(kind, data):
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png_bytes(pixels, color_type, *extra):
    """A PNG written by hand: uint8 or uint16 pixels, (height, width[, channels])."""
    height, width = pixels.shape[:2]
    depth = 8 * pixels.dtype.itemsize
    rows = pixels.astype(pixels.dtype.newbyteorder(">"))
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + b"".join(extra)
        + png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r.tobytes() for r in rows)))
        + png_chunk(b"IEND", b"")
    )


def tiff_bytes(size, samples, tags):
    """An uncompressed TIFF written by hand: `samples` in file order, {tag: numbers}."""
    data = np.ascontiguousarray(samples).tobytes()
    tags = {256: [size[0]], 257: [size[1]], 259: [1], 278: [size[1]], **tags}
    planes = tags[277][0] if tags.get(284) == [2] else 1
    tags[279] = [len(data) // planes] * planes
    start = 8 + len(data)  # the tables follow the pixels
    tags[273] = [8 + plane * len(data) // planes for plane in range(planes)]
    entries, overflow = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            position = start + 2 + 12 * len(tags) + 4 + len(overflow)
            overflow, packed = overflow + packed, struct.pack("<I", position)
        entries += struct.pack("<HHI", tag, 4, len(numbers)) + packed
    head = b"II*\0" + struct.pack("<I", start)
    return head + data + struct.pack("<H", len(tags)) + entries + b"\0" * 4 + overflow


def palette_image():
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    return image


DEEP = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)


def srgb_curve(linear):
    return np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )


def icc_profile(space, tags, connection=b"XYZ "):
    """An ICC profile of version 2: {tag: body}, laid out as the standard has it."""
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        offset = 128 + 4 + 12 * len(tags) + len(bodies)
        table += struct.pack(">4sII", name, offset, len(body))
        bodies += body + b"\0" * (-len(body) % 4)
    size = 128 + len(table) + len(bodies)
    white = struct.pack(">iii", 63190, 65536, 54061)  # D50
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 2 << 24, kind, space, connection)
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + white
    return head.ljust(128, b"\0") + table + bodies


def icc_xyz(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in values))


ICC_WHITE = {b"wtpt": icc_xyz(0.9642, 1.0, 0.8249)}


ICC_LINEAR = b"curv\0\0\0\0" + struct.pack(">I", 0)  # no entries: the identity


SRGB_PRIMARIES = (
    (0.4361, 0.2225, 0.0139),
    (0.3851, 0.7169, 0.0971),
    (0.1431, 0.0606, 0.7141),
)


def linear_rgb_profile(primaries=SRGB_PRIMARIES):
    tags = dict(ICC_WHITE)
    for letter, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags[letter + b"XYZ"] = icc_xyz(*primary)
        tags[letter + b"TRC"] = ICC_LINEAR
    return icc_profile(b"RGB ", tags)


LINEAR_GREY = icc_profile(b"GRAY", {**ICC_WHITE, b"kTRC": ICC_LINEAR})


def black_ink_profile():
    """CMYK whose lightness falls with black and does not care for the other inks."""
    table = [255 if not node & 1 else 0 for node in range(16)]  # black varies fastest
    lab = b"".join(bytes([lightness, 128, 128]) for lightness in table)
    straight = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    lut += struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    lut += straight * 4 + lab + straight * 3
    return icc_profile(b"CMYK", {**ICC_WHITE, b"A2B0": lut}, b"Lab ")


def refusal(path, load=images.load_image):
    """The one-line message with which a file is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="Cannot read") as caught:
            load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "expected" in message
    return message
