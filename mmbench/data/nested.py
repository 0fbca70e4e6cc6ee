"""Layouts whose rows are spread over several lists, or written as conversations: they are made plain first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from mmbench.core import DataError
from mmbench.data.distribution import joined
from mmbench.data.fields import Fields
from mmbench.data.layouts import CAPTIONS, QUESTIONS, Layout
from mmbench.data.records import Record, python_list
from mmbench.data.tables.table import Table
from mmbench.data.tables.text import chosen_split, text_table

_MARKER = re.compile(r"\s*<image>\s*")
_ASKS, _ANSWERS = ("human", "user"), ("gpt", "assistant", "model")


def _rows(table: Table, change: Callable[[Record], Iterator[Record]], **facts: Any) -> Table:
    """The table with other rows in the place of each."""
    return replace(table, read=lambda: (new for record in table.read() for new in change(record)), **facts)


def _with(record: Record, **fields: Any) -> Record:
    return Record(record.path, record.place, {**record.fields, **fields}, record.is_csv)


# --- questions and annotations in two files (VQA v2, OK-VQA) ---


def _with_annotations(table: Table) -> Table:
    """The rows of a file of questions with the answers of the file of annotations beside it. Raises `DataError` without one."""
    whole = table.whole or {}
    subtype = str(whole.get("data_subtype") or "")
    folder = table.path.parent
    found = [path for path in sorted(folder.glob("*annotations*.json")) if path != table.path]
    fitting = [path for path in found if subtype.partition("-")[0] in path.name] or found
    if len(fitting) != 1:
        wanted = f"mscoco_{subtype or 'val2014'}_annotations.json"
        there = f"; there are {', '.join(path.name for path in fitting)}" if fitting else ""
        raise DataError(
            f"{table.path} holds questions without answers; put the file of annotations beside it, such as {wanted}{there}"
        )
    annotations = text_table(fitting[0])
    split = subtype.partition("-")[0] or "val2014"

    def read() -> Iterator[Record]:
        for record in joined(table.read(), [annotations.read()], "question_id"):
            number = record.identifier(record.fields.get("image_id"), "field 'image_id'")
            name = f"COCO_{split}_{int(number):012d}.jpg" if number.isdecimal() else f"{number}.jpg"
            yield _with(record, image=name)

    note = f"answers from {fitting[0].name}"
    return replace(table, read=read, notes=(*table.notes, note))


# --- conversations ---


def _conversations(table: Table) -> Table:
    """The first question and answer of every conversation; notes say how many turns are left out."""
    return _rows(table, _first_turn, notes=(*table.notes, *_left_out(table)))


def _turns(record: Record) -> list[tuple[str, str]]:
    """Who says what."""
    said = record.fields.get("conversations") or record.fields.get("messages") or []
    if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
        raise record.error("expected a list of turns")
    names = (("from", "value"), ("role", "content"))
    pairs = [next(((str(turn[a]), turn[b]) for a, b in names if a in turn and b in turn), ("", "")) for turn in said]
    return [(who, _text(content)) for who, content in pairs if who != "system"]


def _text(content: object) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def _first_turn(record: Record) -> Iterator[Record]:
    turns = _turns(record)
    if len(turns) < 2 or turns[0][0] not in _ASKS or turns[1][0] not in _ANSWERS:
        raise record.error("expected a conversation that begins with a question of the user and an answer")
    images = record.fields.get("images", record.fields.get("image"))
    several = images if isinstance(images, list) else [] if images is None else [images]
    used = turns[0][1].count("<image>")
    asked = several[:used] if len(turns) > 2 and used else several
    question = _MARKER.sub("\n", turns[0][1]).strip()
    yield Record(
        record.path,
        record.place,
        {**record.fields, "question": question, "answer": turns[1][1], "image": asked or None},
    )


def _left_out(table: Table) -> tuple[str, ...]:
    longer = sum(len(_turns(record)) > 3 for record in table.read())
    return (f"{longer:,} conversations have further turns; only the first question of each is asked",) if longer else ()


# --- rows that lack what others tell of ---


def _nlvr2(record: Record) -> Iterator[Record]:
    stem = record.identifier(record.fields["identifier"], "field 'identifier'").rpartition("-")[0]
    yield _with(record, image=[f"{stem}-img0.png", f"{stem}-img1.png"])


def _scienceqa(record: Record) -> Iterator[Record]:
    image, split, name = record.fields.get("image"), record.fields.get("split"), record.fields.get("id")
    if isinstance(image, str) and split and name:
        image = f"{split}/{name}/{image}"
    yield _with(record, image=image)


def _mmmu(record: Record) -> Iterator[Record]:
    options = record.fields.get("options")
    choices = python_list(options) if isinstance(options, str) else options
    answer = record.fields.get("answer")
    if choices and isinstance(answer, str) and len(answer.strip()) == 1 and answer.strip().isalpha():
        place = ord(answer.strip().upper()) - ord("A")
        if place >= len(choices):
            raise record.error(f"the answer is {answer!r}, and there are {len(choices)} options")
        answer = choices[place]
    answers = (python_list(answer) if isinstance(answer, str) else answer) or answer
    yield _with(record, choices=choices or None, answers=answers if isinstance(answers, list) else [answers])


def _rows_by_index(table: Table) -> Table:
    """Rows whose image is the index of the row that has it, as compact tables of VLMEvalKit have them."""

    def read() -> Iterator[Record]:
        held: dict[str, Any] = {}
        for record in table.read():
            image = record.fields.get("image")
            if isinstance(image, str) and image.strip() in held and len(image.strip()) < 64:
                record = _with(record, image=held[image.strip()])  # noqa: PLW2901
            elif image is not None:
                held[record.identifier(record.fields["index"], "field 'index'")] = image
            if "image" not in record.fields:
                record = _with(record, image=record.fields.get("image_path"))  # noqa: PLW2901
            yield record

    return replace(table, read=read)


# --- captions ---


def _karpathy(table: Table) -> Table:
    """The images of a file of Karpathy's, those of one split; ``restval`` belongs to ``train``."""
    there = {str(record.fields.get("split")).replace("restval", "train") for record in table.read()}
    splits = tuple(name for name in ("test", "val", "train") if name in there)
    chosen = chosen_split(table.path, table.split, splits) if splits else ""
    wanted = {chosen, "restval"} if chosen == "train" else {chosen}

    def change(record: Record) -> Iterator[Record]:
        if not splits or str(record.fields.get("split")) in wanted:
            folder = record.fields.get("filepath")
            name = record.fields.get("filename")
            yield _with(
                record,
                image=f"{folder}/{name}" if folder else name,
                id=record.fields.get("cocoid", record.fields.get("imgid", name)),
                captions=[each.get("raw") for each in record.fields.get("sentences") or () if isinstance(each, dict)],
            )

    return _rows(table, change, split=chosen, splits=splits)


def _coco(table: Table) -> Table:
    from mmbench.data.captions import coco_records

    return coco_records(table)


def _objects(name: str) -> Callable[[Record], bool]:
    """Whether a field holds a list of objects."""

    def test(record: Record) -> bool:
        value = record.fields.get(name)
        return isinstance(value, list) and bool(value) and isinstance(value[0], dict)

    return test


def _each(change: Callable[[Record], Iterator[Record]]) -> Callable[[Table], Table]:
    return lambda table: _rows(table, change)


_ASKED = Fields(id="id", question="question", answer="answer", image="image")
_VQA = Fields(
    id="question_id", question="question", answers="answers", image="image", group="image_id",
    slices__question_type="question_type", slices__answer_type="answer_type",
)  # fmt: skip
CHANGED = (
    Layout(
        name="VQA, questions and annotations", kind=QUESTIONS, needs=frozenset(("question_id", "image_id", "question")),
        lacks=frozenset(("image", "answers", "answer", "choices", "imageId")), fields=_VQA, change=_with_annotations,
    ),
    Layout(
        name="LLaVA conversations", kind=QUESTIONS, needs=frozenset(("conversations",)), test=_objects("conversations"),
        fields=_ASKED, change=_conversations, changed=frozenset(("conversations", "messages", "images")),
    ),
    Layout(
        name="ShareGPT messages", kind=QUESTIONS, needs=frozenset(("messages",)), test=_objects("messages"),
        fields=_ASKED, change=_conversations, changed=frozenset(("conversations", "messages", "images")),
    ),
    Layout(
        name="NLVR2", kind=QUESTIONS, needs=frozenset(("sentence", "identifier", "label")), change=_each(_nlvr2),
        fields=Fields(id="identifier", question="sentence", answer="label", image="image", choices=("=True", "=False")),
    ),
    Layout(
        name="ScienceQA", kind=QUESTIONS, needs=frozenset(("question", "choices", "answer", "hint", "subject")), change=_each(_scienceqa),
        changed=frozenset(("split",)),
        fields=Fields(
            id="id", question="question", hint="hint", choices="choices", answer="answer", answer_is="index", image="image",
            slices__subject="subject",
        ),
    ),
    Layout(
        name="MMMU", kind=QUESTIONS, needs=frozenset(("id", "question", "options", "answer")), change=_each(_mmmu),
        changed=frozenset(("options", "answer")),
        fields=Fields(
            id="id", question="question", choices="choices", answers="answers",
            image=("image", *(f"image_{number}" for number in range(1, 8))), slices__question_type="question_type",
        ),
    ),
    Layout(
        name="VLMEvalKit", kind=QUESTIONS, needs=frozenset(("index", "question", "answer", "A", "B")), change=_rows_by_index,
        fields=Fields(
            id="index", question="question", hint="hint", choices=tuple("ABCDEFGHIJ"), answer="answer", answer_is="letter",
            image="image", slices__category="category",
        ),
    ),
    Layout(
        name="VLMEvalKit", kind=QUESTIONS, needs=frozenset(("index", "question", "answer")), lacks=frozenset(("id",)), change=_rows_by_index,
        fields=Fields(id="index", question="question", hint="hint", answer="answer", image="image", slices__category="category"),
    ),
    Layout(
        name="COCO captions", kind=CAPTIONS, needs=frozenset(("image_id", "caption")), lacks=frozenset(("image", "image_name")),
        fields=Fields(id="id", image="image", captions="captions"), change=_coco,
    ),
    Layout(
        name="COCO captions", kind=CAPTIONS, needs=frozenset(("id", "file_name")), lacks=frozenset(("image", "caption", "captions", "answer")),
        fields=Fields(id="id", image="image", captions="captions"), change=_coco,
    ),
    Layout(
        name="Karpathy", kind=CAPTIONS, needs=frozenset(("filename", "sentences")), test=_objects("sentences"), change=_karpathy,
        changed=frozenset(("filepath", "filename", "cocoid", "imgid", "sentences", "sentids", "split")),
        fields=Fields(id="id", image="image", captions="captions"),
    ),
)  # fmt: skip
"""Layouts that come before the plain ones."""
