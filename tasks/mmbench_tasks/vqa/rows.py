"""Rows of questions about images that need more than a map of fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmbench.data import NamedImages, Question, Record
from mmbench_tasks.official import with_fields
from mmbench_tasks.questions import question_rows


def numbered_rows(records: Iterable[Record], images: NamedImages) -> list[Question]:
    """Questions without ids of their own: the part and the number in it, from 0."""
    seen: Counter[str] = Counter()

    def numbered() -> Iterator[Record]:
        for record in records:
            slices: Mapping[str, Any] = record.fields.get("slices") or {}
            part = _PARTS.get(str(slices.get("part")), str(slices.get("part", "")))
            yield with_fields(record, id=f"{part}/{seen[part]}".lstrip("/"), slices={**slices, "part": part})
            seen[part] += 1

    return question_rows(numbered(), images)


_PARTS = {"0": "human", "1": "augmented", "machine": "augmented"}
"""What the hub calls the parts of ChartQA."""


def answerable(record: Record) -> bool:
    """Whether direct answers to a question of A-OKVQA count: those to difficult ones do not."""
    return str(record.fields.get("difficult_direct_answer")).lower() != "true"
