"""What a tracker is, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mmbench.core.errors import UsageError

if TYPE_CHECKING:
    import PIL.Image


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run, as it is announced to a tracker."""

    id: str
    """32 hexadecimal digits; the same when the run is resumed or sent again."""
    name: str
    """The name of its folder."""
    model: str
    """Name of the model: runs of one model belong together."""
    path: Path
    """The run directory; it may be read, and must not be written to."""
    config: Mapping[str, Any]
    """What was run, as JSON values: model and its options, seed, options of the command, versions, git, machine, tasks."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of the training of a model that learns."""

    task: str
    """Full name of the task that is learned."""
    step: int
    """Steps done."""
    values: Mapping[str, float]
    """``loss`` (mean training loss) and ``val_NAME`` (a value on the validation samples), as far as they are known."""


@dataclass(frozen=True, slots=True)
class TaskResults:
    """The results of one task."""

    task: str
    """Full name."""
    status: str
    """``complete``, ``partial``, ``failed`` …"""
    values: Mapping[str, float]
    """Each metric by its id, with ``ID_low``, ``ID_high``, ``ID_n``, ``ID_coverage`` and ``ID_share_truncated``,
    ``ID_share_unparsed``, ``ID_share_refused``, ``ID_share_failed``; figures of speed as ``speed/FIGURE``."""
    rows: Sequence[Mapping[str, Any]] = ()
    """A row a metric: ``metric``, ``value``, ``low``, ``high``, ``n``, ``coverage``, ``method``, ``primary``."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a sample, small enough for a table."""

    digest: str
    """sha256 of the image."""
    pixels: PIL.Image.Image = field(repr=False)
    """RGB, at most 512 pixels on a side."""


@dataclass(frozen=True, slots=True)
class SampleTable:
    """Some samples of a task, spread evenly over how they went."""

    task: str
    """Full name."""
    columns: Sequence[str]
    """Names of the columns: ``id``, ``outcome``, ``images``, and texts and numbers."""
    rows: Sequence[Mapping[str, Any]]
    """Column to value: a text, a number, None, and for ``images`` a list of `Image`."""
    total: int
    """How many samples the task has."""

    def flat(self, convert: Callable[[Image], Any]) -> dict[str, list[Any]]:
        """The table by columns, with one for each image of a sample: ``image 1``, ``image 2`` and so on.

        Args:
            convert: Makes what the tracker wants of an image.

        Returns:
            Column to its values, one for each row; None where a sample has fewer images.
        """
        most = max((len(row["images"]) for row in self.rows), default=0)
        found: dict[str, list[Any]] = {}
        for name in self.columns:
            if name != "images":
                found[name] = [row[name] for row in self.rows]
                continue
            for place in range(most):
                images = [row[name][place : place + 1] for row in self.rows]
                found[f"image {place + 1}"] = [convert(each[0]) if each else None for each in images]
        return found


def check_text(option: str, value: Any) -> None:
    """Raise `UsageError` for an option of a tracker that is given and is no text."""
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise UsageError(f"--tracker-args {option}={value}: expected a text")


class Tracker:
    """Sends runs to one experiment tracker, one after another: `begin`, the rest in any order and number, `end`.

    A subclass takes its options in the constructor, which stores them and does nothing else, and imports its library in
    `begin`. Any exception ends the tracking, with one warning, and never the run. Methods that are not overridden do nothing.
    """

    extra: ClassVar[str] = ""
    """What ``pip install "mmbench[…]"`` needs for it; empty where it needs nothing."""
    module: ClassVar[str] = ""
    """The module that must be importable; empty: none."""

    def check(self) -> None:
        """Raise `UsageError` for what is wrong with the options, before anything is asked."""

    def begin(self, run: TrackedRun) -> None:
        """A run begins, goes on, or is sent again: open what has its id, or make it."""

    def curve(self, point: CurvePoint) -> None:
        """A model has learned for some steps."""

    def results(self, results: TaskResults) -> None:
        """A task has been scored."""

    def samples(self, table: SampleTable) -> None:
        """Some samples of a task that has been scored."""

    def end(self, status: str) -> str | None:
        """The run is over, and everything must be sent.

        Args:
            status: ``complete``, ``partial``, ``failed``, ``interrupted``, ``stopped``.

        Returns:
            Where it can be seen, or what makes it visible; None: nowhere in particular.
        """
