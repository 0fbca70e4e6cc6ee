"""Values by slice, compressed: one block of data for each board whose task has slices."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from mmbench.analysis.seeds import SeedGroup
from mmbench.core.score_table import MetricValue
from mmbench.core.visible import visible
from mmbench.reporting.page.boards import Board
from mmbench.reporting.page.document import DataBlock
from mmbench.reporting.text import number

KIND = "slices"
"""What these blocks are called in the page."""

SliceValue = tuple[str, float | None, float | None, float | None, int]
"""Text, value, low and high end of the 95 % interval, and the number of units; the ends are null for a mean over seeds."""


class Slice(Struct):
    """The labels of one slice name."""

    name: str
    """The slice name."""
    labels: list[str]
    """The labels."""
    values: list[list[SliceValue | None]]
    """[label][row of the board] the value of the first metric."""


def slice_block(place: int, board: Board, groups: Sequence[SeedGroup]) -> DataBlock | None:
    """The first metric of a board by slice; None where there are no slices.

    Args:
        place: The place of the board among all.
        board: The board.
        groups: The models of its rows, in the same order.
    """
    if not board.metrics:
        return None
    metric = board.metrics[0].id
    found = [_by_slice(group, board.task, metric, board.metrics[0].scale) for group in groups]
    names = dict.fromkeys(name for own in found for name in own)
    slices = [_slice(name, [own.get(name, {}) for own in found]) for name in sorted(names)]
    if not slices:
        return None
    about = {"board": place, "names": [[each.name, len(each.labels)] for each in slices]}
    return DataBlock(KIND, visible(board.title), gzip.compress(msgspec.json.encode(slices), mtime=0), about)


def _slice(name: str, found: Sequence[dict[str, SliceValue]]) -> Slice:
    labels = sorted({label for own in found for label in own})
    values = [[own.get(label) for own in found] for label in labels]
    return Slice(visible(name), list(map(visible, labels)), values)


def _by_slice(group: SeedGroup, task: str, metric: str, scale: float) -> dict[str, dict[str, SliceValue]]:
    """Slice name → label → value of a model."""
    own: dict[str, dict[str, list[MetricValue]]] = {}
    for result in group.results(task):
        for name, labels in result.slices.items():
            for label, values in labels.items():
                own.setdefault(name, {}).setdefault(label, []).extend(each for each in values if each.id == metric)
    means = group.slices(task)
    return {
        name: {
            label: _value(values, means.get(name, {}).get(label, {}).get(metric), scale)
            for label, values in labels.items()
            if values
        }
        for name, labels in own.items()
    }


def _value(values: Iterable[MetricValue], mean: float | None, scale: float) -> SliceValue:
    found = list(values)
    one = found[0] if len(found) == 1 else None
    low, high = (None, None) if one is None else (one.low, one.high)
    return number(mean, scale), mean, low, high, sum(each.n for each in found)
