"""``vlmevalkit``: read the tables of predictions, judged or not, and the tables of scores that VLMEvalKit writes."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmbench.core.errors import DataError, MissingExtraError, UsageError
from mmbench.data.pickles import read_pickle
from mmbench.exchange.peer_files import Archive, PeerFile, number, plain, texts
from mmbench.exchange.peer_run import PeerMetric, PeerRun, PeerSample, PeerTask

TOOL = "vlmevalkit"
_FAILED = "Failed to obtain answer"
"""How VLMEvalKit begins what it writes in the place of an answer that did not arrive."""
_SCORES = ("hit", "match", "eval_match", "score", "eval_score", "correct", "acc", "verifier_match")
"""Columns that may hold what a sample got, the most usual first."""
_EXTRACTED = ("extracted", "eval_pred", "res")
"""Columns that may hold the answer that was found in the prediction."""
_JUDGED = frozenset((*_SCORES, *_EXTRACTED, "log"))
"""Columns that only a table has which was judged."""
_OVERALL = ("Overall", "overall", "acc", "Accuracy", "Final Score Norm", "Final Score")
"""Columns of a table of scores that may hold the value over everything."""
_SLICES = ("category", "l2-category", "split", "task", "skill")
_OPTIONS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SUFFIX = re.compile(r"_(?:acc|score|auxmatch|exact_matching.*|(?:chat)?gpt.*|(?:[a-z0-9.-]+_)?results?)$")
"""What an evaluation adds to a name: the judge, whose name begins in lower case as those of datasets do not, and what was made."""
_TABLES = (".xlsx", ".tsv", ".csv", ".json", ".pkl")
_ROWS = 5_000_000
"""Rows of a table at most."""

Row = dict[str, Any]


def read_vlmevalkit(files: Sequence[PeerFile]) -> PeerRun:
    """Read the tables of one model. Raises `DataError`, `UsageError`, `MissingExtraError`."""
    tables = [file for file in files if file.suffix in _TABLES and file.suffix != ".pkl"]
    tables = tables or [file for file in files if file.suffix == ".pkl"]  # the same answers as in the tables
    answered: dict[str, list[tuple[PeerFile, list[Row]]]] = {}
    reported: dict[str, list[float]] = {}
    stems = [file.path.stem for file in tables]
    if twice := [file for file in tables if stems.count(file.path.stem) > 1 and file.suffix in (".xlsx", ".tsv")]:
        raise UsageError(
            f"{' and '.join(str(file.path) for file in twice[:2])} are of one model and dataset; import the folder of one evaluation at a time"
        )
    read = [(file, _rows(file)) for file in tables]
    predicted = _predictions(read)
    for file, rows in read:
        base = _base(file.path.stem, predicted, stems)
        if rows and ("prediction" in rows[0] or ("index" in rows[0] and any(name in rows[0] for name in _SCORES))):
            answered.setdefault(base, []).append((file, rows))
        else:
            reported.setdefault(base, []).extend(_overall(rows))
    answered = {base: found for base, found in answered.items() if any("prediction" in rows[0] for _, rows in found)}
    if not answered:
        raise UsageError("no table has a column 'prediction': name the file of predictions that VLMEvalKit writes")
    names = {base: _names(base, tables[0][0].path) for base, tables in answered.items()}
    models = list(dict.fromkeys(model for model, _ in names.values()))
    if len(models) > 1:
        raise UsageError(f"the files are of {len(models)} models ({', '.join(models[:3])}); import one at a time")
    tasks = [_task(names[base][1], tables, reported.get(base, [])) for base, tables in answered.items()]
    return PeerRun(model=models[0], tasks=tasks)


def _predictions(read: Sequence[tuple[PeerFile, list[Row]]]) -> list[str]:
    """Names of the tables of predictions, where those of several datasets may begin alike: ``…_MMBench`` and ``…_MMBench_V11``.

    A table that was not judged and whose name begins with that of another one is of another dataset if it asks other questions.
    """
    found: dict[str, dict[str, str]] = {}
    for file, rows in sorted(read, key=lambda each: len(each[0].path.stem)):
        if not rows or "prediction" not in rows[0] or _JUDGED & rows[0].keys():
            continue
        asked = {_id(row, place): str(row.get("question", row.get("prediction"))) for place, row in enumerate(rows, 1)}
        before = [found[other] for other in found if _begins(file.path.stem, other)]
        if not any(asked.items() <= other.items() for other in before):
            found[file.path.stem] = asked
    return list(found)


def _begins(stem: str, other: str) -> bool:
    return stem == other or stem.startswith(f"{other}_")


def _base(stem: str, predicted: Iterable[str], others: Iterable[str]) -> str:
    """The name of the predictions that a file belongs to: the longest one with which its own name begins.

    Where there is none, it is the shortest name of another file, without what an evaluation adds to it.
    """
    if fitting := [other for other in predicted if _begins(stem, other)]:
        return max(fitting, key=len)
    return _SUFFIX.sub("", min((other for other in others if _begins(stem, other)), key=len))


def _names(base: str, path: Path) -> tuple[str, str]:
    """Model and dataset, which a file's name joins by ``_``: the folder bears the model's name, or else datasets begin in upper case."""
    for parent in list(path.resolve().parents)[:2]:
        if parent.name and base.startswith(f"{parent.name}_"):
            return parent.name, base.removeprefix(f"{parent.name}_")
    cut = re.match(r"(?P<model>.+?)_(?P<data>[A-Z].*)$", base) or re.match(r"(?P<model>[^_]+)_(?P<data>.+)$", base)
    return (cut["model"], cut["data"]) if cut else ("unknown", base)


# --- tables ---


def _rows(file: PeerFile) -> list[Row]:
    """The rows of a table. Raises `DataError`, `MissingExtraError`."""
    if file.suffix == ".pkl":
        return _listed(_of_pickle(read_pickle(file.path)))
    if file.suffix == ".xlsx":
        return _sheet(file)
    if file.suffix == ".json":
        return _listed(file.json())
    try:
        text = file.read().decode("utf-8-sig")
        csv.field_size_limit(2**28)
        reader = csv.DictReader(
            io.StringIO(text, newline=""), delimiter="\t" if file.suffix == ".tsv" else ",", strict=True
        )
        rows = [{str(key).strip(): value for key, value in row.items() if key} for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"it is no table of separated values in UTF-8: {error}", file.path) from error
    return rows


def _of_pickle(value: Any) -> Any:
    """Answers by index as rows; a table of pandas is refused by `read_pickle`, since it would have to be called."""
    if not isinstance(value, dict):
        return value
    return [
        {"index": index, "prediction": given.get("prediction") if isinstance(given, dict) else given}
        for index, given in value.items()
    ]


def _listed(document: Any) -> list[Row]:
    """Rows of a JSON document: a list of objects, or an object of columns; none of anything else."""
    if isinstance(document, list):
        return [each for each in document if isinstance(each, dict)]
    if isinstance(document, dict):
        columns = {key: list(value.values()) for key, value in document.items() if isinstance(value, dict)}
        if columns and len({len(column) for column in columns.values()}) == 1:
            return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [document] if document and not columns else []
    return []


def _sheet(file: PeerFile) -> list[Row]:
    """The first sheet of a workbook, held against a bound on what it unpacks to before anything of it is parsed."""
    with Archive(file) as archive:
        if sum(info.file_size for info in archive.members.values()) > 2**31:
            raise DataError("it unpacks to more than 2 GiB", file.path)
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingExtraError(file.path.name, "xlsx") from error
    try:
        with file.open() as opened:
            book = load_workbook(opened, read_only=True, data_only=True)
            lines = book.worksheets[0].iter_rows(values_only=True)
            heads = [str(head).strip() if head is not None else "" for head in next(lines, ())]
            rows: list[Row] = []
            for line in lines:
                if len(rows) >= _ROWS:
                    raise DataError(f"it has more than {_ROWS:,} rows", file.path)
                if any(value is not None for value in line):
                    rows.append({head: value for head, value in zip(heads, line, strict=False) if head})
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"it is no workbook that openpyxl reads: {error}", file.path) from error
    return rows


def _overall(rows: Sequence[Row]) -> list[float]:
    """What a table of scores may say of everything: in the rows that are called so, else in all of them."""
    called = [
        row for row in rows if "overall" in {str(value).lower() for value in row.values() if isinstance(value, str)}
    ]
    return [found for row in called or rows for name in _OVERALL if (found := number(row.get(name))) is not None]


# --- samples ---


def _task(name: str, tables: Sequence[tuple[PeerFile, list[Row]]], overall: Sequence[float]) -> PeerTask:
    merged: dict[str, Row] = {}
    tables = sorted(tables, key=lambda each: len(each[0].path.stem))
    judged = [rows for _, rows in tables if rows and any(column in rows[0] for column in _SCORES)]
    for n, (file, rows) in enumerate(tables):
        for place, row in enumerate(rows, 1):
            index = _id(row, place)
            if n == 0 and index in merged:
                raise DataError(f"the index {index} stands there twice", file.path, f"row {place}")
            if n and index not in merged:
                raise DataError(
                    f"the index {index} is not in {tables[0][0].path.name}: files of two runs",
                    file.path,
                    f"row {place}",
                )
            merged[index] = {**merged.get(index, {}), **{key: value for key, value in row.items() if value is not None}}
    rows_of = {_id(row, place) for place, row in enumerate(judged[0], 1)} if judged else set(merged)
    scores = [each for each in _SCORES if judged and each in judged[0][0]]
    column = next((each for each in scores if any(_score(merged[n].get(each)) is not None for n in rows_of)), None)
    left = len(merged) - len(rows_of)
    samples = [_sample(index, place, merged[index], column) for place, index in enumerate(merged) if index in rows_of]
    scale = _scale(samples)
    reported = None if column is None else _mean_among(overall, samples, column)
    if column is not None and overall and reported is None:
        # as VQA accuracy is, over what people said
        averaged = [_averaged(sample, merged[sample.id], column) for sample in samples]
        reported = _mean_among(overall, averaged, column)
        samples = samples if reported is None else averaged
    if reported is None and len(set(overall)) == 1:
        (reported,) = set(overall)
    notes = []
    if left:
        notes.append(
            f"{left:,} rows of the predictions are not in the judged table (rotated options of the same questions) and are left out"
        )
    if column is None:
        notes.append(
            "the files hold no score of single samples: name the judged table (…_result.xlsx) too, or score with a task of ours"
        )
    if reported is not None and scale and reported > 1.0 >= scale:
        reported /= 100.0
    metrics = {} if column is None else {column: PeerMetric(name=column, reported=reported)}
    return PeerTask(name=name, samples=samples, metrics=metrics, notes=tuple(notes))


def _mean_among(overall: Sequence[float], samples: Sequence[PeerSample], column: str) -> float | None:
    """The value among those of a table of scores that is the mean of what the samples got: tables also hold F1, and parts of the data."""
    return next((value for value in overall if _is_mean(samples, value, column)), None)


def _is_mean(samples: Sequence[PeerSample], reported: float, column: str) -> bool:
    """Whether the value over everything is the mean of what the samples got, as a share or in per cent."""
    scores = [sample.scores[column] for sample in samples if column in sample.scores]
    mean = sum(scores) / max(len(scores), 1)
    return any(abs(mean * factor - reported) < 1e-4 * factor for factor in (1.0, 100.0))


def _averaged(sample: PeerSample, row: Row, column: str) -> PeerSample:
    """The sample with the mean of its scores against several answers in the place of the best."""
    found = _several(row.get(column))
    return replace(sample, scores={column: sum(found) / len(found)}) if found else sample


def _scale(samples: Sequence[PeerSample]) -> float:
    return max((value for sample in samples for value in sample.scores.values()), default=0.0)


def _id(row: Row, place: int) -> str:
    value = row.get("index", row.get("id", place - 1))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _sample(index: str, place: int, row: Row, column: str | None) -> PeerSample:
    given = row.get("prediction")
    output = None if given is None else str(given)
    failed = output is None or output.startswith(_FAILED)
    options = [(letter, row[letter]) for letter in _OPTIONS if row.get(letter) not in (None, "")]
    score = None if column is None else _score(row.get(column))
    extracted = next((str(row[name]) for name in _EXTRACTED if row.get(name) not in (None, "")), None)
    return PeerSample(
        id=index,
        position=int(index) if index.isdecimal() and int(index) < _ROWS else place,
        question=None if row.get("question") is None else str(row["question"]),
        cluster=str(row.get("image_path") or ""),
        references=_references(row.get("answer")),
        choices=tuple(str(text) for _, text in options) or None,
        output=None if failed else output,
        status="error" if failed else "ok",
        error=plain(output or _FAILED, 500) if failed else None,
        reasoning=None if row.get("thinking") in (None, "") else str(row["thinking"]),
        extracted=extracted,
        explanation=plain(str(row["log"]), 500) if row.get("log") not in (None, "") else None,
        scores={} if column is None or score is None else {column: score},
        slices={name: str(row[name]) for name in _SLICES if row.get(name) not in (None, "")},
    )


def _score(value: Any) -> float | None:
    """What a sample got; of a list, written out or not, the best: most rules of VLMEvalKit for several answers take that."""
    if found := _several(value):
        return max(found)
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return float(value.strip().lower() == "true")
    return number(value)


def _several(value: Any) -> list[float]:
    """The numbers of a list, written out or not; none of anything else."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return [each for each in map(number, value) if each is not None] if isinstance(value, list) else []


def _references(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) and value.startswith("["):
        import ast

        try:
            found = ast.literal_eval(value[:100_000])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return (value,)
        return texts(found) or (value,)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return texts(value)
