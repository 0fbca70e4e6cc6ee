"""What a task with classes confused: how often each class was answered where each was right, from its score table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmbench.core.score_table import COUNTED, ScoreTable
from mmbench.metrics.binary import ACTUAL as POSITIVE
from mmbench.metrics.binary import PREDICTED as CLAIMED
from mmbench.metrics.classes import COUNTS

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of answers by the class that was right."""

    labels: tuple[str, ...]
    """[C] the classes, as they were answered; ``class 3`` where a class was never answered by name."""
    counts: Floats
    """float64 [C, C + 1]: rows are the right classes, columns the answers, the last one: an answer that names no class.
    Shares where an answer ties between classes."""


def confusion(table: ScoreTable) -> Confusion | None:
    """Count answers by the class that was right.

    Args:
        table: Scores of samples with one class each (`mmbench.metrics.classes.class_columns`), or of two classes of which one
            is positive (`mmbench.metrics.binary.binary_columns`).

    Returns:
        The counts; None for tables without classes, and where samples may be of several classes.
    """
    kept = np.fromiter((status in COUNTED for status in table.status), bool, len(table.status))
    if all(name in table.columns for name in COUNTS):
        predicted, actual = (np.asarray(table.columns[name], dtype=np.float64)[kept] for name in COUNTS[1:])
        if predicted.ndim != 2 or not np.all(actual.sum(axis=1) == 1):
            return None
        labels = _names(table, kept, predicted)
    elif CLAIMED in table.columns and POSITIVE in table.columns:
        answered = np.fromiter((status == "scored" for status in table.status), bool, len(table.status))[kept]
        claimed, positive = (np.asarray(table.columns[name], dtype=np.float64)[kept] for name in (CLAIMED, POSITIVE))
        predicted = np.stack([claimed, np.where(answered, 1.0 - claimed, 0.0)], axis=1)
        actual = np.stack([positive, 1.0 - positive], axis=1)
        labels = ("positive", "negative")
    else:
        return None
    counts = actual.T @ predicted
    return Confusion(
        labels, np.concatenate([counts, actual.sum(axis=0)[:, None] - counts.sum(axis=1)[:, None]], axis=1)
    )


def _names(table: ScoreTable, kept: NDArray[np.bool_], predicted: Floats) -> tuple[str, ...]:
    """What each class is called: the answer that most often stands where it alone was predicted."""
    answers: Sequence[str | None] = table.answers if table.answers is not None else [None] * len(kept)
    rows = [answer for answer, keep in zip(answers, kept.tolist(), strict=True) if keep]
    known: list[Counter[str]] = [Counter() for _ in range(predicted.shape[1])]
    sure = predicted.max(axis=1, initial=0.0) == 1.0
    for row, place in zip(np.flatnonzero(sure).tolist(), predicted[sure].argmax(axis=1).tolist(), strict=True):
        answer = rows[row]
        if answer:
            known[place][answer] += 1
    names = [
        min(found, key=lambda name: (-found[name], name)) if found else f"class {n + 1}"
        for n, found in enumerate(known)
    ]
    return tuple(name if names.count(name) == 1 else f"{name} ({n + 1})" for n, name in enumerate(names))
