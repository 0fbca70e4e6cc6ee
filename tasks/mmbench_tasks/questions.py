"""What families of questions share: rows with facts of their own, images within the text, and files of answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmbench.core import Media, Output, Part, Task
from mmbench.data import (
    Distribution,
    Fields,
    NamedImages,
    Question,
    Record,
    UnseenImages,
    match_answers,
    questions_of,
    read_answered,
)

_MARK = re.compile(r"<image (\d+)>")
_META = "meta."
_GROUP_DIGITS = 16
_NOT_GIVEN = "(question, not given)"
"""Stands for the text of a question where answers are only scored, and the file has none."""


def question_rows(records: Iterable[Record], images: NamedImages) -> list[Question]:
    """Questions with the roles ``meta.NAME`` as facts of their own; an empty list of choices is none."""
    facts: list[Mapping[str, Any]] = []

    def plain() -> Iterable[Record]:
        for record in records:
            facts.append(
                {name.removeprefix(_META): _plain(v) for name, v in record.fields.items() if name.startswith(_META)}
            )
            kept = {
                name: value
                for name, value in record.fields.items()
                if not name.startswith(_META) and not (name == "choices" and not value)
            }
            kept.setdefault("image", None)
            if isinstance(images, UnseenImages) and not record.has("question"):
                kept["question"] = _NOT_GIVEN
            if (several := _several(kept)) is not None:
                kept = {**{name: value for name, value in kept.items() if name != "answer"}, "answers": several}
            yield Record(record.path, record.place, kept, record.is_csv)

    questions = questions_of(plain(), images)
    return [replace(row, meta=own) if own else row for row, own in zip(questions, facts, strict=True)]


def _several(fields: Mapping[str, Any]) -> list[Any] | None:
    """The answers of an open question that has several, as a list or as Python writes one; None for one answer."""
    answer = fields.get("answer")
    if fields.get("choices"):
        return None
    if isinstance(answer, str) and answer.startswith("[") and answer.endswith("]"):
        try:
            answer = ast.literal_eval(answer)
        except (ValueError, SyntaxError):
            return None
    return [str(each) for each in answer] if isinstance(answer, list) and answer else None


def _plain(value: Any) -> Any:
    """A text as such, whatever it was read as; other values as they are."""
    return str(value) if isinstance(value, str) else value


def cluster_of(row: Question) -> str:
    """What errors cluster on: the group, else the image."""
    return row.group or (row.image.digest[:_GROUP_DIGITS] if row.image is not None else "")


def interleaved(text: str, images: Sequence[Media]) -> tuple[Part, ...]:
    """A text with images in the places of its marks ``<image 1>``, ``<image 2>``, …; those without a mark stand before it.

    >>> interleaved("Is it red?", ())
    ('Is it red?',)
    """
    marked = {int(number) for number in _MARK.findall(text)}
    parts: list[Part] = [image for number, image in enumerate(images, 1) if number not in marked]
    place = 0
    for mark in _MARK.finditer(text):
        number = int(mark.group(1))
        if number > len(images) or number < 1:
            continue
        if before := text[place : mark.start()]:
            parts.append(before)
        parts.append(images[number - 1])
        place = mark.end()
    if rest := text[place:]:
        parts.append(rest)
    return tuple(parts)


def answers_of(path: Path, task: Task, fields: Fields | None = None) -> Mapping[str, Sequence[Output]]:
    """Sample id to the answer that a file has for it; by the card's names of fields, else by those that are given."""
    fields = getattr(getattr(task, "card", None), "results", None) or fields
    source = getattr(getattr(task, "card", None), "source", None)
    found = match_answers(path, read_answered(path, fields), task.samples(), _maps(source))
    return {name: (answer,) for name, answer in found.items()}


def _maps(source: Any) -> list[Fields]:
    """What a published dataset calls its fields, on the hub, in the official files and in both; empty for any other."""
    if not isinstance(source, Distribution):
        return []
    parts = [part.fields for part in (source.hub, source.official) if part is not None and part.fields is not None]
    return [source.fields, *(part.over(source.fields) for part in parts)]
