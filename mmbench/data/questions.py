"""Read questions about pictures from JSONL, JSON or CSV."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mmbench.data.images import NamedImages
from mmbench.data.records import Record, find_data_file, listed, read_records
from mmbench.data.rows import Question, told_apart
from mmbench.extract import normalise

_FIELDS = ("image", "question", "answer", "answers", "id", "question_id", "choices", "slices", "type")
_OPTIONAL = _FIELDS[4:]
_LETTERS = "ABCDEFGHIJ"
"""Fields that may hold choices, as in the tables of VLMEvalKit, MMBench and SEED-Bench."""
_MISSPELT = 0.85
"""How alike (`difflib`) the name of an unknown field must be to a known one to be taken for a slip."""


class _Shared:
    """One object for all equal tuples and mappings, so that many questions cost little."""

    def __init__(self) -> None:
        self._tuples: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._slices: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self._names: set[tuple[str, ...]] = set()

    def texts(self, items: list[str]) -> tuple[str, ...]:
        whole = tuple(items)
        return self._tuples.setdefault(whole, whole)

    def slices(self, labels: dict[str, str]) -> Mapping[str, str]:
        return self._slices.setdefault(tuple(sorted(labels.items())), labels)

    def check_names(self, record: Record) -> None:
        """Refuse a field that looks like a slip for an optional one; equal lists of fields are looked at once."""
        names = tuple(record.fields)
        if names in self._names:
            return
        self._names.add(names)
        absent = [name for name in _OPTIONAL if name not in names]
        for name in names:
            near = [] if name in _FIELDS else difflib.get_close_matches(name.casefold(), absent, n=1, cutoff=_MISSPELT)
            if near:
                raise record.error(f"unknown field {name!r}; did you mean {near[0]!r}?")


def read_questions(path: Path, *, pictures: bool = True) -> list[Question]:
    """Read the questions in a file, or in the only data file of a folder.

    A record has ``image`` (a path from the file's folder, its folder ``images`` or any folder directly in it; null for
    a question without a picture), ``question``, ``answer`` (text or number) or ``answers`` (a list of these, or of
    objects with ``answer``, which may have ``answer_id`` and ``answer_confidence``), and may have ``id`` or
    ``question_id`` (else ``row-0`` and so on), ``choices`` (a list) and ``slices`` (an object) or ``type``. In CSV, lists
    are separated by ``|``. Choices may also stand in fields ``A``, ``B`` and so on up to ``J``, and the answer is then one
    of these letters or texts. An image may stand in the file itself, as base64 or as a ``data:`` URL. Other fields are left alone, unless their name looks like a slip for one of these.

    With `pictures` False, where answers are only scored, ``image`` and ``question`` may be missing and no picture is
    looked for; the name in ``image`` is then the group.

    Raises `DataError`, which names file and line; missing pictures are reported together. Pictures are not decoded.
    """
    path = find_data_file(path)
    found, shared = NamedImages(path), _Shared()
    places: dict[str, str] = {}
    questions: list[Question] = []
    names: list[str | None] = []
    for position, record in enumerate(read_records(path)):
        shared.check_names(record)
        name = _picture(record) if pictures or record.has("image") else None
        question = _question(record, position, shared, asked=pictures)
        if not pictures:
            question, name = replace(question, group=name or ""), None
        if question.id in places:
            raise record.error(f"id {question.id!r} is taken by {places[question.id]}")
        places[question.id] = record.place
        questions.append(question)
        names.append(found.add(name, record.place) if name is not None else None)
    del places
    media = found.media()
    for position, name in enumerate(names):
        if name is not None:
            questions[position] = replace(questions[position], image=media[name])
    return questions


def _picture(record: Record) -> str | None:
    if "image" in record.fields and record.fields["image"] is None:
        return None
    return record.text("image")


def _question(record: Record, position: int, shared: _Shared, *, asked: bool) -> Question:
    """The question of a record, its picture left out; it has a text, unless it is not `asked`."""
    text = record.text("question") if asked or record.has("question") else ""
    answers = _answers(record)
    choices = record.texts("choices") if record.has("choices") else None
    if choices is None and (lettered := _lettered(record)):
        choices, answers = list(lettered.values()), [_by_letter(record, lettered, answer) for answer in answers]
    if choices is not None:
        _check_choices(record, choices, answers)
    return Question(
        id=_id(record, position),
        image=None,
        question=text,
        answers=shared.texts(answers),
        choices=None if choices is None else shared.texts(choices),
        slices=shared.slices(record.slices()),
        records=shared.texts(_records(record)),
    )


def _id(record: Record, position: int) -> str:
    for name in ("id", "question_id"):
        if record.has(name):
            return record.identifier(record.fields[name], f"field {name!r}")
    return f"row-{position}"


def _answers(record: Record) -> list[str]:
    if not record.has("answers"):
        if not record.has("answer"):
            raise record.missing("answer", "answers")
        return [record.text("answer", number=True)]
    answers = record.texts("answers", key="answer")
    if record.has("answer") and record.text("answer", number=True) not in answers:
        raise record.error("field 'answer' is not among 'answers'; give one of the two fields")
    return answers


def _lettered(record: Record) -> dict[str, str]:
    """The choices in fields A, B and so on, by letter; empty where there are fewer than two."""
    if not (record.has("A") and record.has("B")):
        return {}
    letters = [letter for letter in _LETTERS if record.has(letter)]
    return {letter: record.text(letter, number=True).strip() for letter in letters}


def _by_letter(record: Record, choices: Mapping[str, str], answer: str) -> str:
    """The choice that an answer names by its letter, or is itself. Raises `DataError`."""
    letter = answer.strip().strip("().").upper()
    if letter in choices:
        return choices[letter]
    if letter in _LETTERS and len(letter) == 1:
        raise record.error(f"the answer is {answer!r}, and there is no choice {letter}")
    return answer


def _records(record: Record) -> list[str]:
    """What tells the people behind the answers apart; a bare text is a person of its own."""
    answers = record.fields.get("answers")
    if record.is_csv or not isinstance(answers, list):
        return []
    people = [
        (item.get("answer_id"), item.get("answer_confidence")) if isinstance(item, dict) else (f"#{n}", None)
        for n, item in enumerate(answers)
    ]
    return list(told_apart(people))


def _check_choices(record: Record, choices: list[str], answers: list[str]) -> None:
    if set(choices).isdisjoint(answers) and set(map(normalise, choices)).isdisjoint(map(normalise, answers)):
        raise record.error(f"none of the answers ({listed(answers)}) is among the choices ({listed(choices)})")
