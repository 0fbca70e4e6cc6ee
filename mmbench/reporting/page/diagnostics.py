"""How models err: confusion matrices and reliability diagrams, compressed, one block of data for each board that has any."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from msgspec import Struct, field

from mmbench.analysis.confusion import Confusion, confusion
from mmbench.analysis.reliability import Reliability, reliability
from mmbench.analysis.seeds import SeedGroup
from mmbench.core.score_table import ScoreTable
from mmbench.core.visible import visible
from mmbench.reporting.page.boards import Board
from mmbench.reporting.page.document import DataBlock

KIND = "diagnostics"
"""What these blocks are called in the page."""
MOST_CLASSES = 30
"""Classes of a matrix at most; of more, the most frequent confusions are listed."""
_MOST_PAIRS = 30


class Pair(Struct):
    """One confusion."""

    right: str
    """The class that was right."""
    answered: str
    """The class that was answered; empty for none."""
    n: float
    """How often."""
    of: float
    """Samples of the class that was right."""


class Calibration(Struct):
    """The reliability diagram of a model."""

    error: float
    """Expected calibration error."""
    n: int
    """Samples with a probability."""
    bins: list[tuple[int, float, float, float, float]]
    """Samples, mean stated probability, observed share and its 95 % interval."""


class Diagnostics(Struct, omit_defaults=True):
    """How one model errs."""

    row: int
    """Its row in the board."""
    seed: int | None = None
    """The seed, where the model has several: the first one is shown."""
    labels: list[str] = field(default_factory=list)
    """The classes of the matrix."""
    counts: list[list[float]] = field(default_factory=list)
    """[right class][answered class]; the last column: no class."""
    pairs: list[Pair] = field(default_factory=list)
    """The most frequent confusions, where there are too many classes for a matrix."""
    calibration: Calibration | None = None
    """Where the model gave probabilities."""


def diagnostics_block(place: int, board: Board, groups: Sequence[SeedGroup]) -> DataBlock | None:
    """How the models of a board err; None where no task with classes or probabilities was scored.

    Args:
        place: The place of the board among all.
        board: The board.
        groups: The models of its rows, in the same order.

    Raises:
        NotComparableError: If score tables are missing or damaged.
    """
    found = list(_found(board, groups))
    if not found:
        return None
    about = {
        "board": place,
        "confusion": any(each.labels or each.pairs for each in found),
        "calibration": any(each.calibration for each in found),
    }
    return DataBlock(KIND, visible(board.title), gzip.compress(msgspec.json.encode(found), mtime=0), about)


def _found(board: Board, groups: Sequence[SeedGroup]) -> Iterator[Diagnostics]:
    for row, group in enumerate(groups):
        scored = group.scored(board.task)
        table = scored[0].tables().get("sample") if scored else None
        if table is not None and (each := _of_table(row, table)) is not None:
            each.seed = group.runs[0].seed if group.several else None
            yield each


def _of_table(row: int, table: ScoreTable) -> Diagnostics | None:
    classes, stated = confusion(table), reliability(table)
    if classes is None and stated is None:
        return None
    found = Diagnostics(row, calibration=None if stated is None else _calibration(stated))
    if classes is not None and len(classes.labels) <= MOST_CLASSES:
        found.labels, found.counts = list(map(visible, classes.labels)), classes.counts.round(6).tolist()
    elif classes is not None:
        found.pairs = list(_pairs(classes))
    return found


def _calibration(found: Reliability) -> Calibration:
    bins = [(each.n, each.stated, each.observed, each.low, each.high) for each in found.bins]
    return Calibration(found.error, found.n, bins)


def _pairs(found: Confusion) -> Iterator[Pair]:
    """The most frequent confusions, most frequent first."""
    wrong = found.counts.copy()
    np.fill_diagonal(wrong, 0.0)
    names = [*map(visible, found.labels), ""]
    for place in np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS].tolist():
        right, answered = divmod(place, wrong.shape[1])
        if wrong[right, answered] > 0:
            yield Pair(names[right], names[answered], float(wrong[right, answered]), float(found.counts[right].sum()))
