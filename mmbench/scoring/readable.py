"""Which other extractors would read the outputs in which a task finds no answer."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from mmbench.core.responses import Response
from mmbench.core.samples import Sample
from mmbench.core.score_table import COUNTED, ScoreTable
from mmbench.core.task import Task
from mmbench.extract import Choices, Extractor, extractors
from mmbench.results.schema import LOOKED_AT

_SHARE = 0.05
"""Share of unparsed outputs above which other extractors are tried."""
_NOTHING = "~?~"
"""No answer to any question: an extractor that finds one in it finds one in every text."""


def readable_by(
    task: Task, samples: Sequence[Sample], responses: Sequence[Sequence[Response]], tables: Mapping[str, ScoreTable]
) -> dict[str, int]:
    """Count what other extractors would read where more than 5 % of a task's outputs are unparsed.

    Args:
        task: The task.
        samples: [n] its samples.
        responses: [n][1] what was answered; other tasks are left alone.
        tables: The score tables.

    Returns:
        Name of an extractor to how many of the first thousand unparsed outputs it finds an answer in, those that read most
        first; whether the answers are right is not looked at. Empty where few outputs are unparsed, or nothing reads them.
    """
    own, table = getattr(task, "extractor", None), tables.get("sample")
    if not isinstance(own, Extractor) or table is None or len(table.status) != len(samples):
        return {}
    statuses = Counter(table.status)
    if statuses["unparsed"] <= _SHARE * sum(count for status, count in statuses.items() if status in COUNTED):
        return {}
    unparsed = [row for row, status in enumerate(table.status) if status == "unparsed"]
    others = [
        other for other in extractors() if other.suggested and other.name != own.name and other.reads == own.reads
    ]
    found: Counter[str] = Counter()
    known: dict[tuple[bytes, Choices], list[str]] = {}
    for row in unparsed[:LOOKED_AT]:
        text, choices = responses[row][0].output, samples[row].choices
        if isinstance(text, str):
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), choices
            if key not in known:
                known[key] = _readers(others, text, choices)
            found.update(known[key])
    return {
        other.name: found[other.name]
        for other in sorted(others, key=lambda each: (-found[each.name], each.name))
        if found[other.name]
    }


def _readers(others: list[Extractor], text: str, choices: Choices) -> list[str]:
    """Names of the extractors that find an answer in a text; one that fails is left out from then on."""
    readers = []
    for other in [*others]:
        try:
            if _may_read(other, choices) and other(text, choices) is not None:
                readers.append(other.name)
        except Exception:  # noqa: BLE001 - a suggestion only, and an extractor of a stranger may fail in any way
            others.remove(other)
    return readers


def _may_read(other: Extractor, choices: Choices) -> bool:
    """Whether finding an answer says anything: not where every text is one, nor where `contains` does as `mention`."""
    if choices is None:
        return not other.needs_choices and other(_NOTHING, None) is None
    return other.among is None
