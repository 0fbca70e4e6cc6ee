"""Rows of questions with options whose facts have to be computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmbench.core import DataError
from mmbench.data import NamedImages, Question, Record, listed, read_records
from mmbench_tasks.official import find_file, with_fields
from mmbench_tasks.questions import question_rows

_ROTATIONS = 1_000_000
_NEXT_QA = {"C": "causal", "T": "temporal", "D": "descriptive"}


def circular_rows(records: Iterable[Record], images: NamedImages) -> list[Question]:
    """Rotations of questions: those whose ids are the same modulo 1,000,000 are one question, the smallest is the first of them."""

    def marked() -> Iterator[Record]:
        for record in records:
            number = int(float(str(record.fields["id"])))
            facts = {"meta.circle": str(number % _ROTATIONS), "meta.first": "true" if number < _ROTATIONS else "false"}
            given = [
                each for each in record.fields.get("choices") or [] if str(each).strip().lower() not in ("", "nan")
            ]
            yield with_fields(record, id=str(number), choices=given, **facts)

    return question_rows(marked(), images)


def next_qa_rows(records: Iterable[Record], images: NamedImages) -> list[Question]:
    """Questions about videos, with the kind of question by its type; TP counts as TN, as in the official script."""

    def typed() -> Iterator[Record]:
        for record in records:
            kind = record.text("kind").replace("TP", "TN")
            kept = {name: value for name, value in record.fields.items() if name != "kind"}
            slices = {"type": kind, "kind": _NEXT_QA.get(kind[:1], kind)}
            yield Record(record.path, record.place, {**kept, "slices": slices}, record.is_csv)

    return question_rows(typed(), images)


def read_science_qa(*, with_image: bool) -> Any:
    """A reader of ``problems.json``, of whose problems those of a split are taken, and maybe only those with an image."""

    def read(path: Path, split: str) -> Iterator[Record]:
        file = path if path.is_file() else find_file(path, "problems.json")
        if file is None:
            raise DataError(f"{path} lacks the file problems.json")
        for record in read_records(file):
            name, image = str(record.fields["id"]), record.fields.get("image")
            if str(record.fields.get("split")) != split or (with_image and image is None):
                continue
            yield with_fields(record, image=None if image is None else f"{split}/{name}/{image}")

    return read


def read_mmmu(path: Path, split: str) -> Iterator[Record]:
    """The rows of ``answer_dict_val.json``, which has letters and open answers, and neither questions nor options. Raises `DataError`."""
    del split
    file = path if path.is_file() else find_file(path, "answer_dict_val*.json")
    if file is None:
        raise DataError(f"{path} lacks the file answer_dict_val.json")
    letters = [chr(ord("A") + number) for number in range(10)]
    problems = []
    for record in read_records(file):
        answer = record.fields.get("ground_truth", record.fields.get("answer"))
        if answer is None:
            problems.append(record.place)
            continue
        closed = record.fields.get("question_type") == "multiple-choice"
        yield with_fields(
            record,
            question=f"(question {record.fields['id']}, not given)",
            options=letters if closed else [],
            answer=answer,
            image=None,
        )
    if problems:
        raise DataError(f"{file}: no ground_truth in {listed(problems)}")


def mmmu_rows(records: Iterable[Record], images: NamedImages) -> list[Question]:
    """Questions whose id names the subject; several open answers are a list, also where it is written as Python."""

    def with_subject() -> Iterator[Record]:
        for record in records:
            name = str(record.fields.get("id"))
            fields: Mapping[str, Any] = {"slices": {"subject": name.partition("_")[2].rpartition("_")[0] or name}}
            yield with_fields(record, **fields)

    return question_rows(with_subject(), images)
