"""The answers of a run to chosen samples, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from mmbench.analysis.text_pool import TextPool
from mmbench.results.schema import ResponseLine

_MOST_REQUESTS = 64
"""Requests of one sample whose answers are shown; a sample that is asked more often shows the first of them."""
_PLAIN = ("status", "finish_reason", "batch_size", "input_tokens", "output_tokens", "reasoning_tokens", "cached")
"""Fields of a response that become columns as they are."""
_TEXTS = ("output", "raw", "reasoning", "error")
"""Fields that become numbers of texts."""
_SECONDS = {"duration_s": "duration_ms", "first_token_s": "first_token_ms"}
"""Fields in seconds, and the columns in milliseconds that they become."""


def answer_columns(lines: Iterable[ResponseLine], rows: Mapping[str, int], pool: TextPool) -> list[dict[str, Any]]:
    """Read the answers to chosen samples.

    Args:
        lines: The lines of a log; the last one of a request counts.
        rows: The id of the first request of a sample, ``task/sample/0``, to the row of the sample; others are left out.
        pool: Gets the texts.

    Returns:
        For each number of a request within its sample, field to column; see `compact`. Durations are in milliseconds.
    """
    first: list[ResponseLine | None] = [None] * len(rows)
    last = [first]
    found = False
    for line in lines:
        row = rows.get(line.id)
        if row is not None:
            first[row] = line
            found = True
            continue
        head, _, number = line.id.rpartition("/")
        row = rows.get(f"{head}/0")
        if row is None:
            continue
        place = int(number) if number.isdecimal() else 0
        if place >= _MOST_REQUESTS:
            continue
        while place >= len(last):
            last.append([None] * len(rows))
        last[place][row] = line
        found = True
    return [_columns(each, pool) for each in last] if found else []


_NAMES = (*_PLAIN, *_TEXTS, *_SECONDS)
_fields = attrgetter(*_NAMES)
_NOTHING = SimpleNamespace(**dict.fromkeys(_NAMES))
"""Stands in place of an answer that is not there."""


def _columns(lines: Sequence[ResponseLine | None], pool: TextPool) -> dict[str, Any]:
    """The answers to one request of each sample; None where there is none."""
    rows = map(_fields, [line or _NOTHING for line in lines])
    found: dict[str, Any] = dict(zip(_NAMES, zip(*rows, strict=True), strict=True))
    scores = [output if isinstance(output, list) else None for output in found["output"]]
    if any(scores):
        found["output"] = [None if isinstance(output, list) else output for output in found["output"]]
        found["choice_scores"] = [each and [float(f"{score:.4g}") for score in each] for each in scores]
    for name in _TEXTS:
        if found[name].count(None) < len(lines):
            found[name] = pool.numbers(found[name])
    for name, shown in _SECONDS.items():
        column = found.pop(name)
        rounded = {each: None if each is None else round(1000 * each, 1) for each in set(column)}  # a batch shares them
        found[shown] = [rounded[each] for each in column]
    return {name: kept for name, column in found.items() if (kept := compact(column)) is not None}


def compact(column: Sequence[Any]) -> Any:
    """A column as it is; the one value of a column that has no other, unless it is a list; None for one without values.

    >>> compact([1, 2]), compact([3, 3]), compact([None, None]), compact([[1], [1]])
    ([1, 2], 3, None, [[1], [1]])
    """
    if not column:
        return None
    first = column[0]
    if isinstance(first, list) or column.count(first) != len(column):
        return list(column)
    return first
