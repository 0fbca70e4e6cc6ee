"""Files as the VQA challenges have them: results, and annotations with what several people answered.

Results are a list of ``{"question_id", "answer"}``; of ``{"id", "output"}`` as well, in JSON, JSON Lines or CSV. Annotations
are an object with a list ``annotations`` (VQA, OK-VQA) or ``data`` (TextVQA) of objects with ``question_id``, ``answers`` (of
texts, or of objects with ``answer`` and mostly ``answer_id`` and ``answer_confidence``), and maybe ``image_id``, on which
errors cluster, ``question_type`` and ``answer_type``, which become slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from mmbench.core import DataError
from mmbench.data.records import Record, id_text, refuse_repeated
from mmbench.data.rows import Question, told_apart
from mmbench.data.tables.open import find_data_file, read_records


class _Person(msgspec.Struct, gc=False):
    """What one person answered."""

    answer: str
    answer_id: int | str | None = None
    answer_confidence: int | float | str | None = None


class _Annotation(msgspec.Struct, gc=False):
    """What people answered to one question."""

    question_id: int | float | str
    answers: list[_Person | str]
    image_id: int | float | str | None = None
    question_type: int | str | None = None
    answer_type: int | str | None = None


class _Annotations(msgspec.Struct):
    """A file of annotations."""

    annotations: list[_Annotation] | None = None
    data: list[_Annotation] | None = None


def is_annotations(path: Path) -> bool:
    """Whether a file holds a JSON object: annotations, no list of questions. Raises `DataError`."""
    if find_data_file(path).suffix.lower() != ".json":
        return False
    with path.open("rb") as stream:
        return stream.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def read_annotations(path: Path) -> list[Question]:
    """The questions of a file of annotations, without text and picture, in its order; ids are ``str(question_id)``.

    Raises `DataError`: a file that is none, questions without answers, and ids that stand there twice, with a list.
    """
    try:
        whole = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=_Annotations)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no file of VQA annotations: {error}") from error
    annotations = whole.annotations or whole.data
    if not annotations:
        raise DataError(f"{path} is no file of VQA annotations: expected a list 'annotations' with questions in it")
    texts: dict[str, str] = {}
    slices: dict[tuple[object, object], dict[str, str]] = {}
    questions = [_question(path, place, each, texts, slices) for place, each in enumerate(annotations)]
    refuse_repeated(path, (question.id for question in questions))
    return questions


def _question(
    path: Path,
    place: int,
    annotation: _Annotation,
    texts: dict[str, str],
    slices: dict[tuple[object, object], dict[str, str]],
) -> Question:
    """The question of one annotation; `texts` and `slices` hold one object for all that are equal."""
    name = id_text(annotation.question_id)
    answers = annotation.answers
    if not answers:
        raise DataError(f"{path}, annotations[{place}]: question {name!r} has no answers")
    said = [answer if isinstance(answer, str) else answer.answer for answer in answers]
    kinds = annotation.question_type, annotation.answer_type
    labels = slices.get(kinds)
    if labels is None:
        named = zip(("question_type", "answer_type"), kinds, strict=True)
        labels = slices[kinds] = {kind: str(label) for kind, label in named if label is not None}
    return Question(
        id=_checked_id(path, f"annotations[{place}]", name),
        image=None,
        question="",
        answers=tuple([texts.setdefault(text, text) for text in said]),
        choices=None,
        slices=labels,
        group="" if annotation.image_id is None else id_text(annotation.image_id),
        records=_records(answers),
    )


def _records(answers: Sequence[_Person | str]) -> tuple[str, ...]:
    """What tells the people apart; a bare text is a person of its own."""
    ids = [None if isinstance(answer, str) else answer.answer_id for answer in answers]
    if None not in ids and len(set(ids)) == len(ids):
        return ()
    people = [
        (f"#{n}", None) if isinstance(answer, str) else (answer.answer_id, answer.answer_confidence)
        for n, answer in enumerate(answers)
    ]
    return told_apart(people)


def _checked_id(path: Path, place: str, name: str) -> str:
    if not name.isprintable() or not name or name != name.strip():
        raise DataError(f"{path}, {place}: {name!r} is no id; expected printable text without blanks at its ends")
    return name


def read_results(path: Path) -> dict[str, str]:
    """Question id to answer, in the order of the file. Raises `DataError`, with a list of ids that stand there twice."""
    answers: dict[str, str] = {}
    names: list[str] = []
    for record in read_records(find_data_file(path)):
        name = _field(record, "question_id", "id")
        field = _field(record, "answer", "output")
        identifier = record.identifier(record.fields[name], f"field {name!r}")
        names.append(identifier)
        answers[identifier] = _text(record, field)
    refuse_repeated(path, names)
    return answers


def _field(record: Record, *names: str) -> str:
    """The first of these fields that the record has."""
    for name in names:
        if record.has(name):
            return name
    raise record.missing(*names)


def _text(record: Record, field: str) -> str:
    """An answer: a text, which may be empty, or a number."""
    value: Any = record.fields[field]
    if isinstance(value, str) and not value.strip():
        return str(value)
    return record.checked(value, f"field {field!r}", number=True)
