"""Read what models answered, from the files that evaluation tools and benchmarks write, and find the sample of each answer.

Read are lists of objects in JSON, JSON Lines and separated values, objects keyed by id, the samples of lmms-eval, the tables of
VLMEvalKit (``.tsv``, and ``.xlsx`` with the extra ``xlsx``), the answers of LLaVA, results keyed by image, and what a card says of the
result file of its benchmark.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mmbench.core import DataError, MissingExtraError, Sample
from mmbench.data.fields import Fields, evaluated
from mmbench.data.records import NumberText, Record, id_text, listed, refuse_repeated
from mmbench.data.tables.open import open_table
from mmbench.data.tables.text import read_json, read_text, record_of

_IDS = (
    *(
        "question_id",
        "questionId",
        "qid",
        "id",
        "index",
        "pid",
        "identifier",
        "image_id",
        "image",
        "filename",
        "uid",
        "key",
    ),
    *("doc.question_id", "doc.questionId", "doc.id", "doc.index", "doc.pid", "doc.qid", "doc.image_id", "doc.image"),
)
"""Fields that may hold the id of a sample; of those that do, the one that most samples have is taken."""
_ANSWERS = (
    *(
        "prediction",
        "pred_answer",
        "pred",
        "model_prediction",
        "model_answer",
        "response",
        "output",
        "filtered_resps",
        "resps",
    ),
    *("predicted_answer", "generated_text", "text", "caption", "answer", "label"),
)
"""Fields that may hold what a model answered, those that never hold what is right first."""
_GOLD = ("answer", "label", "text", "caption")
"""The fields, among these, that hold what is right in files of references."""
_OPTIONS = ("A", "B")
_NESTED, _DOCUMENT = "doc_id", "doc"
_PREFIX = "/"


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer of a file, before its sample is known."""

    record: Record
    """Where it stands."""
    output: str
    """What was answered, as text."""


def read_answered(path: Path, fields: Fields | None = None) -> list[Answered]:
    """Read the answers in a file.

    Args:
        path: The file.
        fields: What the result file of a benchmark calls the roles ``id`` and ``prediction``; a row that has no such fields is
            read as any other.

    Returns:
        The answers in the order of the file.

    Raises:
        DataError: If it cannot be read, or a row has no answer.
        MissingExtraError: If it is an ``.xlsx`` file and the extra is not installed.
    """
    found = []
    for record in _records(path):
        own = _own(record, fields)
        if own is None:
            found.append(Answered(record, _text(record, _answer_field(record))))
        else:
            found.append(Answered(own, _text(own, "prediction")))
    return found


def _own(record: Record, fields: Fields | None) -> Record | None:
    """The record with the roles of a benchmark's result file; None where it is none."""
    if fields is None:
        return None
    made = fields.apply(record)
    if not made.has("prediction") or ("id" in fields and not made.has("id")):
        return None
    return Record(record.path, record.place, {**record.fields, **made.fields}, record.is_csv)


def _records(path: Path) -> Iterator[Record]:
    if path.suffix.lower() == ".xlsx":
        return _sheet(path)
    if path.suffix.lower() == ".json" and (keyed := _keyed(path)) is not None:
        return iter(keyed)
    return open_table(path).read()


def _keyed(path: Path) -> list[Record] | None:
    """The rows of an object of ids and answers; None for every other file.

    Entries that are no answer beside objects that are (an accuracy) are left out; ``outputs`` of an object that also has
    ``results`` holds the texts of ScienceQA's result file.
    """
    text = read_text(path)
    if text.lstrip()[:1] != "{" or "\n{" in text.strip()[:100_000]:
        return None
    whole = read_json(path, text)
    if not isinstance(whole, dict):
        return None
    if isinstance(whole.get("outputs"), dict) and isinstance(whole.get("results"), dict):
        both = whole["outputs"], whole["results"]
        return [
            Record(path, f"key {key!r}", {"id": key, "output": output, "choice": both[1].get(key)})
            for key, output in both[0].items()
        ]
    objects = {key: value for key, value in whole.items() if isinstance(value, dict)}
    if objects and len(objects) > len(whole) / 2:
        return [
            Record(path, f"key {key!r}", {"id": key, **record_of(path, f"key {key!r}", value).fields})
            for key, value in objects.items()
        ]
    if whole and all(_is_answer(value) for value in whole.values()):
        return [Record(path, f"key {key!r}", {"id": key, "prediction": value}) for key, value in whole.items()]
    return None


def _is_answer(value: object) -> bool:
    return isinstance(value, str | bool) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _sheet(path: Path) -> Iterator[Record]:
    """The rows of the first sheet of an Excel file."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingExtraError(f"{path.name}", "xlsx") from error
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        names = [str(name) for name in next(rows, ())]
        found = [
            Record(
                path,
                f"row {number}",
                {n: _cell(v) for n, v in zip(names, row, strict=False) if v is not None},
                is_csv=True,
            )
            for number, row in enumerate(rows, 2)
        ]
        book.close()
    except Exception as error:
        raise DataError(f"{path} cannot be read as an Excel file: {error}") from error
    return (record for record in found if record.fields)


def _cell(value: Any) -> str:
    return NumberText(id_text(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _answer_field(record: Record) -> str:
    name = next((name for name in _ANSWERS if name in record.fields), None)
    if name is None:
        raise record.missing("prediction", "answer")
    if name in _GOLD and all(option in record.fields for option in _OPTIONS):
        raise record.error(f"it has options and {name!r}, which says what is right, but no field 'prediction'")
    return name


def _text(record: Record, name: str) -> str:
    """The answer: a text, a number or a truth value; the first of a list; the text in an object; empty for null."""
    value = record.fields[name]
    while isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        inner = next(
            (value[key] for key in ("multiple_choice_answer", "free_form_answer", "text", "answer") if key in value),
            None,
        )
        value = inner if isinstance(inner, str) else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = NumberText(str(value))
    return (
        str(value)
        if isinstance(value, str) and not value.strip()
        else record.checked(value, f"field {name!r}", number=True)
    )


def match_answers(
    path: Path, answered: Sequence[Answered], samples: Sequence[Sample], maps: Sequence[Fields] = ()
) -> dict[str, str]:
    """Find the sample that each answer belongs to.

    By its id, whatever the field is called, or as the dataset makes it of the fields of a row or of the ``doc`` in it; by the part of the
    sample's id behind the last slash, where that is unique; by image and question, as in LLaVA's files; for files without any id
    by their order.

    Args:
        path: The file, for messages.
        answered: What `read_answered` gave.
        samples: The samples.
        maps: What the dataset calls its fields, wherever it is read from.

    Returns:
        Sample id to what was answered, in the order of the file; answers that belong to no sample keep the id that they have.

    Raises:
        DataError: If answers have no id and are not as many as the samples, or an id stands there twice.
    """
    known = _known(samples)
    found = _by_field(answered, known, maps)
    if found is None or not all(name in known.values() for name in found[:1]):
        found = _by_question(answered, samples) or found or _by_order(path, answered, samples)
    refuse_repeated(path, found)
    return dict(zip(found, (each.output for each in answered), strict=True))


def _known(samples: Sequence[Sample]) -> dict[str, str]:
    """Every name that is unique among samples, to the sample's id."""
    ids = [sample.id for sample in samples]
    ends = Counter(name.rpartition(_PREFIX)[2] for name in ids)
    short = {name.rpartition(_PREFIX)[2]: name for name in ids if ends[name.rpartition(_PREFIX)[2]] == 1}
    numbers = {str(int(name)): name for name in ids if name.isdecimal()}
    bare = numbers if len(numbers) == sum(name.isdecimal() for name in ids) else {}
    return {**short, **bare, **{name: name for name in ids}}


def _by_field(answered: Sequence[Answered], known: Mapping[str, str], maps: Sequence[Fields]) -> list[str] | None:
    """The ids by the field that most samples are found by; None where no field is in every row, or none is unique."""
    best: tuple[int, list[str]] | None = None
    first = answered[0].record if answered else None
    columns: list[Callable[[Record], str | None]] = [partial(_identifier, name=name) for name in _IDS]
    columns += [
        partial(_made, fields=fields, inside=inside) for fields in maps for inside in ("", _DOCUMENT) if "id" in fields
    ]
    for column in columns:
        if first is None or column(first) is None:
            continue
        values = [column(each.record) for each in answered]
        if None in values or len(set(values)) < len(values):
            continue
        ids = [known.get(str(value), str(value)) for value in values]
        hits = sum(str(value) in known for value in values)
        if best is None or hits > best[0]:
            best = hits, ids
    return None if best is None else best[1]


def _identifier(record: Record, name: str) -> str | None:
    fields: Any = record.fields
    for part in name.split("."):
        fields = fields.get(part) if isinstance(fields, Mapping) else None
    if isinstance(fields, NumberText | float):
        number = float(fields)
        return id_text(number) if math.isfinite(number) and abs(number) < 1e15 else None
    if isinstance(fields, str) and fields.strip():
        return fields.strip()
    return None


def _made(record: Record, fields: Fields, inside: str) -> str | None:
    """The id that a dataset makes of a row, or of the object in one of its fields; None where that lacks something."""
    held = record.fields.get(inside) if inside else record.fields
    if not isinstance(held, Mapping):
        return None
    try:
        value = evaluated(Record(record.path, record.place, held, record.is_csv), fields["id"])
    except DataError:
        return None
    return None if value is None else id_text(float(value)) if isinstance(value, float) else str(value).strip()


def _by_question(answered: Sequence[Answered], samples: Sequence[Sample]) -> list[str] | None:
    """The ids by image and question: the first line of a prompt, or the field ``question``; None where they are not unique."""
    keys: dict[tuple[str, str], str] = {}
    for sample in samples:
        question = _folded(_question_of(sample))
        if question:
            keys[sample.group or "", question] = sample.id
    if len(keys) < len(samples):
        return None
    ids = []
    for each in answered:
        record = each.record
        said = next(
            (record.fields[name] for name in ("question", "prompt") if isinstance(record.fields.get(name), str)), ""
        )
        names = [str(record.fields[name]) for name in ("question_id", "image_id", "image") if record.has(name)]
        question = _folded(str(said).split("\n")[0])
        found = next((keys[name, question] for name in (*names, "") if (name, question) in keys), None)
        if found is None:
            return None
        ids.append(found)
    return ids


def _question_of(sample: Sample) -> str:
    return str(sample.meta.get("question") or next((part for part in sample.parts if isinstance(part, str)), ""))


def _folded(text: str) -> str:
    return " ".join(text.lower().split())


def _by_order(path: Path, answered: Sequence[Answered], samples: Sequence[Sample]) -> list[str]:
    places = [_identifier(each.record, _NESTED) for each in answered]
    if None not in places and len(set(places)) == len(places):
        by_place = {str(place): sample.id for place, sample in enumerate(samples)}
        _check_order(path, answered, {str(place): sample for place, sample in enumerate(samples)})
        return [by_place.get(str(place), f"{_NESTED} {place}") for place in places]
    if len(answered) != len(samples):
        raise DataError(
            f"{path}: its {len(answered):,} answers have no id that tells them apart ({listed(list(_IDS[:6]))}, …), and there are "
            f"{len(samples):,} samples, so that their order does not tell either"
        )
    return [sample.id for sample in samples]


def _check_order(path: Path, answered: Sequence[Answered], samples: Mapping[str, Sample]) -> None:
    """Refuse numbers of documents that are not those of the samples, where both have the question. Raises `DataError`."""
    for each in answered:
        document, sample = each.record.fields.get(_DOCUMENT), samples.get(str(_identifier(each.record, _NESTED)))
        said = document.get("question") if isinstance(document, Mapping) else each.record.fields.get("input")
        if sample is None or not isinstance(said, str):
            continue
        known = _folded(_question_of(sample))
        if known and "not given" not in known and known not in _folded(said):
            raise each.record.error(
                f"its document is about another question than sample {sample.id}, which has its number: the dataset is in another order here, "
                "and the documents have no id that tells"
            )
