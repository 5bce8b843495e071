"""What is known of a film before any of its frames is painted."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tfstyle.clips.reading import About, about, pictures, thumbnails
from tfstyle.clips.shots import Grey, find_shots
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.images import Picture, load_image
from tfstyle.runs.inputs import load_inputs
from tfstyle.vgg.weights import sha256

FINE = 10_000  # parts of a second that times are given in, at least


@dataclass(frozen=True)
class Survey:
    """A film, seen once from its first frame to its last."""

    about: About
    times: list[int]  # when each frame is shown, in `about.time_base`
    shots: list[range]  # numbers of their frames
    checksums: dict[str, str]  # of the film, and of the pictures that the config names


def survey(config: StyleConfig) -> Survey:
    """Look through the film that is the config's content, and check all pictures.

    Raises:
        ValueError: if the film or a picture cannot be used; see `load_inputs`.
    """
    inputs = shot_inputs(config, range(1))
    path = Path(str(config.content.path))
    times: list[int] = []

    def greys() -> Iterator[Grey]:
        for thumbnail in thumbnails(path):
            times.append(thumbnail.time)
            yield thumbnail.grey

    shots = find_shots(greys())
    checksums = {**inputs.checksums, "content": sha256(path)[:16]}
    return Survey(*steady(about(path), times), shots, checksums)


def steady(film: About, times: list[int]) -> tuple[About, list[int]]:
    """Return exact times where a file has rounded those of a constant rate.

    As Matroska and WebM do, to milliseconds.
    """
    numerator, step = film.rate.numerator, film.rate.denominator
    finer = -(-FINE // numerator)
    base = Fraction(1, numerator * finer)
    begin = round(times[0] * film.time_base / base)
    exact = [begin + n * step * finer for n in range(len(times))]
    errors = (
        abs(a * base - b * film.time_base) for a, b in zip(exact, times, strict=True)
    )
    if max(errors) > film.time_base:
        return film, times
    return film._replace(time_base=base), exact


def shot_inputs(config: StyleConfig, shot: range) -> Inputs:
    """Return the pictures that the frames of a shot have in common.

    The content is the frame in its middle, by whose colors all are recolored: by its
    own each would get other ones.

    Raises:
        ValueError: if one cannot be used.
    """

    def load(path: str, most: float) -> Picture:
        if path != config.content.path:
            return load_image(path, most)
        film = about(path)
        if film.height * film.width > most * 1e6:
            raise ValueError(
                f"film {path} has {film.width} x {film.height} pixels, more than "
                f"memory.max_megapixels={most:g}; raise that, or scale it down"
            )
        return next(pictures(path, shot[len(shot) // 2]))

    return load_inputs(config, load)
