"""What a run writes when it ends, in the order that makes "finished" true."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tfstyle
from tfstyle.config import StyleConfig
from tfstyle.engine.state import Step
from tfstyle.images import Metadata, save_image
from tfstyle.runs.checkpoint import remove_checkpoints
from tfstyle.runs.folder import (
    CHECKPOINT,
    FINISHED,
    FRAMES,
    LOG,
    RECORD,
    RESULT,
    film_name,
)
from tfstyle.runs.frames import remove_frames, write_film
from tfstyle.runs.observers import Checkpoints
from tfstyle.runs.record import make_record, published
from tfstyle.system.files import write_text

FILMS = ("gif", "webp", "mp4")


@dataclass(frozen=True)
class Ending:
    """The end of one run, whatever brings it about."""

    config: StyleConfig
    folder: Path
    checkpoints: Checkpoints
    metadata: Metadata | None  # of the content picture
    began: float  # by time.perf_counter

    def save(self, step: Step, stopped: str) -> None:
        """Write the picture, the film of a finished run, and last the record.

        Each of them is tried even if another one fails. Only where all are there does
        the record say "finished", and only then the checkpoints go.

        Raises:
            Exception: the first that any of them met.
        """
        self.folder.mkdir(parents=True, exist_ok=True)  # if somebody removed it
        done = stopped in FINISHED
        film = done and self.config.output.film is not None
        checkpoint = partial(self.checkpoints.save, step)
        # A film takes long enough to be killed in: the last step's checkpoint first.
        writes: list[Callable[[], None]] = [checkpoint] if film or not done else []
        writes += [partial(self._result, step), *([self._film] if film else [])]
        errors = list(failures(writes))
        if not errors:
            errors = list(failures([partial(self._record, step, stopped)]))
        if errors:
            record = partial(self._record, step, "failed" if done else stopped)
            list(failures([checkpoint, record]))
            raise errors[0]
        self._tidy_up(done)

    def _result(self, step: Step) -> None:
        software = f"tfstyle {tfstyle.__version__}"
        text = {"Software": software, "Config": published(self.config).to_yaml()}
        save_image(self.folder / RESULT, step.image(), text, self.metadata)

    def _film(self) -> None:
        name = film_name(str(self.config.output.film))
        write_film(self.folder / name, self.folder / FRAMES)

    def _record(self, step: Step, stopped: str) -> None:
        seconds, log = time.perf_counter() - self.began, self.folder / LOG
        pictures = self.checkpoints.pictures
        about = make_record(self.config, step, stopped, seconds, log, pictures)
        write_text(self.folder / RECORD, json.dumps(about, indent=2))

    def _tidy_up(self, done: bool) -> None:
        own = self.config.output.film if done else None
        for kind in FILMS:
            if kind != own:  # of an earlier run
                (self.folder / film_name(kind)).unlink(missing_ok=True)
        if done:
            remove_checkpoints(self.folder / CHECKPOINT)
            remove_frames(self.folder / FRAMES)


def failures(writes: Iterable[Callable[[], None]]) -> Iterator[Exception]:
    """Call each function, and yield what goes wrong."""
    for write in writes:
        try:
            write()
        except Exception as error:
            yield error
