"""Read questions about pictures from JSONL, JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmbench.core import DataError, Media
from mmbench.data.columnar import NotPlain
from mmbench.data.drafts import Draft, Shared, plain_drafts
from mmbench.data.images import NamedImages
from mmbench.data.layouts import QUESTIONS
from mmbench.data.reading import FileRows, read_dataset
from mmbench.data.records import Record, cut, listed, python_list
from mmbench.data.rows import Question, told_apart
from mmbench.extract import normalise

_LETTERS = "ABCDEFGHIJ"
"""Fields that may hold choices, as in the tables of VLMEvalKit, MMBench and SEED-Bench."""
_AT_ONCE = 1_000
"""Records that are looked at together, at most."""
_LONG = 2**24
"""Characters of images in records that are looked at together: fewer records, where images stand in them as base64."""


def read_questions(path: Path, *, pictures: bool = True) -> list[Question]:
    """Read the questions in a file, or in the only data file of a folder; see `questions_of` for the fields.

    Args:
        path: The file or folder.
        pictures: Whether anybody looks at images. If not, where answers are only scored, ``image`` and ``question`` may be missing
            and no image is looked for; the name in ``image`` is then the group.

    Raises:
        DataError: It names file and line; missing images are reported together. Images are not decoded.
    """
    if not pictures:
        return _unseen(FileRows(path, QUESTIONS, questions_of).records())
    return list(read_dataset(path, QUESTIONS, questions_of).rows("test"))


def questions_of(records: Iterable[Record], images: NamedImages) -> list[Question]:
    """Make questions of records.

    A record has ``question``; ``answer`` (text or number) or ``answers`` (a list of these, or of objects with ``answer``, which may
    have ``answer_id`` and ``answer_confidence``); ``image`` (a name, a URL, base64, bytes or a medium, or a list of these; absent
    or null for a question without one); and may have ``id`` or ``question_id`` (else ``row-0`` and so on), ``choices`` (a list),
    ``group``, ``hint`` (a text that stands before the question), ``media`` (what identifies the image), and ``slices`` (an object) or ``type``. In CSV, lists are separated by ``|``.
    Choices may also stand in fields ``A``, ``B`` and so on up to ``J``, and the answer is then one of these letters or texts.

    Args:
        records: The records.
        images: Finds the images.

    Raises:
        DataError: If a record lacks something or an id stands there twice; images that are missing are reported together.
    """
    drafts = _drafts(records, images)
    media = images.media()
    return [draft.finished(media) for draft in drafts]


def _drafts(records: Iterable[Record], images: NamedImages) -> list[Draft]:
    """The drafts of all records: of many at once where these are plain, else record by record."""
    shared, places, found = Shared(), dict[str, str](), list[Draft]()
    for batch in _batches(records):
        try:
            made = plain_drafts(batch, places, shared, images)
        except NotPlain:
            for record in batch:
                names = image_names(record, images)
                draft = _draft(record, len(places), shared, asked=True)
                _take(draft.id, record, places)
                found.append(draft._replace(images=names))
        else:
            found += made
            places.update((draft.id, record.place) for draft, record in zip(made, batch, strict=True))
    return found


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records, many at a time. Those before one that cannot be read come before its error: they may be wrong themselves."""
    batch: list[Record] = []
    length = 0
    try:
        for record in records:
            batch.append(record)
            length += _length(record.fields.get("image"))
            if len(batch) == _AT_ONCE or length > _LONG:
                yield batch
                batch, length = [], 0
    except DataError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _length(image: Any) -> int:
    """Characters or bytes of the image, or the images, in a record."""
    if isinstance(image, list):
        return sum(map(_length, image))
    return len(image) if isinstance(image, str | bytes) else 0


def _take(name: str, record: Record, places: dict[str, str]) -> None:
    """Keep where an id stands. Raises `DataError` where it stands somewhere else, too."""
    if name in places:
        raise record.error(f"id {name!r} is taken by {places[name]}")
    places[name] = record.place


def image_names(record: Record, images: NamedImages) -> tuple[str, ...]:
    """The images of a record, added to those that are looked for; none for a record whose ``image`` is null or absent.

    Raises:
        DataError: If ``image`` holds something else than an image or a list of images.
    """
    if "image" not in record.fields:
        raise record.missing("image")
    value = record.fields["image"]
    if value is None:
        return ()
    if not isinstance(value, list) and record.is_csv and isinstance(value, str):
        value = python_list(value) or value
    identifier = record.text("media", number=True) if record.has("media") else ""
    items = value if isinstance(value, list) else [value]
    found = []
    for number, item in enumerate(items):
        what = f"field 'image', item {number}" if len(items) > 1 else "field 'image'"
        part = f"{identifier}#{number}" if identifier and number else identifier
        found.append(images.add(_image_value(record, item, what), record.place, part))
    return tuple(found)


def _image_value(record: Record, item: Any, what: str) -> str | bytes | Media:
    if isinstance(item, dict):  # as `datasets` keeps images
        item = item.get("bytes") or item.get("path")
    if isinstance(item, bytes | Media):
        return item
    return record.checked(item, what)


def _unseen(records: Iterable[Record]) -> list[Question]:
    """The questions of records that are only scored."""
    shared, places, questions = Shared(), dict[str, str](), list[Question]()
    for record in records:
        draft = _draft(record, len(places), shared, asked=False)
        _take(draft.id, record, places)
        name = record.fields.get("image")
        named = draft.group or (str(name) if isinstance(name, str) else "")
        questions.append(draft._replace(group=named).finished({}))
    return questions


def _draft(record: Record, position: int, shared: Shared, *, asked: bool) -> Draft:
    """The question of a record, its images left out; it has a text, unless it is not `asked`."""
    text = record.text("question") if asked or record.has("question") else ""
    if record.has("hint") and record.fields["hint"] != "":
        text = f"{record.text('hint')}\n{text}"
    answers = _answers(record)
    choices = record.texts("choices") if record.has("choices") else None
    if choices is None and (lettered := _lettered(record)):
        choices, answers = list(lettered.values()), [_by_letter(record, lettered, answer) for answer in answers]
    if choices is not None:
        _check_choices(record, choices, answers)
    return Draft(
        id=_id(record, position),
        question=text,
        answers=shared.texts(answers),
        choices=None if choices is None else shared.texts(choices),
        slices=shared.slices(record.slices()),
        group=record.identifier(record.fields["group"], "field 'group'") if record.has("group") else "",
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
        answer = record.text("answer", number=True)
        if record.is_csv and python_list(answer) is not None:
            raise record.error(
                f"field 'answer' holds a list, {cut(answer)}; name the column 'answers', or --map answers=answer"
            )
        return [answer]
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
        raise record.error(f"the answer is {cut(answer)!r}, and there is no choice {letter}")
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
