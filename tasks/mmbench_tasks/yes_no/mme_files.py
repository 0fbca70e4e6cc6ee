"""The files of MME: a text file a task with its images' questions, or folders of images with their questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mmbench.core import DataError
from mmbench.data import NamedImages, Question, Record
from mmbench_tasks.questions import question_rows

TASKS = (
    *("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"),
    *("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"),
)
"""The fourteen tasks."""
_IMAGES = (".jpg", ".png", ".jpeg")


def numbered_rows(records: Iterable[Record], images: NamedImages) -> list[Question]:
    """Questions whose id is that of their image with the number of the question behind it, from 1."""
    seen: Counter[str] = Counter()

    def numbered() -> Iterator[Record]:
        for record in records:
            name = str(record.fields.get("id"))
            seen[name] += 1
            yield Record(record.path, record.place, {**record.fields, "id": f"{name}/{seen[name]}"}, record.is_csv)

    return [replace(row, group=str(row.meta["image"])) for row in question_rows(numbered(), images)]


def read_folder(path: Path, split: str) -> Iterator[Record]:
    """The rows of a folder: ``TASK.txt`` with lines of image, question, answer (and response), or a folder a task. Raises `DataError`."""
    del split
    if path.is_file():
        yield from task_lines(path)
        return
    inner = next(
        (each.parent for each in sorted(path.glob("**/existence*")) if len(each.relative_to(path).parts) <= 3), path
    )
    if absent := [task for task in TASKS if not (inner / f"{task}.txt").is_file() and not (inner / task).is_dir()]:
        raise DataError(
            f"{path} lacks the tasks {', '.join(absent)}: neither {absent[0]}.txt nor a folder {absent[0]} is there"
        )
    for task in TASKS:
        file = inner / f"{task}.txt"
        yield from task_lines(file) if file.is_file() else _folder(inner / task)


def task_lines(file: Path) -> Iterator[Record]:
    """The lines of ``TASK.txt``: image, question, answer and, in results, the response. Raises `DataError`."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r").split("\t")
        if len(cells) < 3:
            if line.strip():
                raise DataError("expected image, question and answer, separated by tabs", file, number)
            continue
        name, question, answer, *response = cells
        fields = {
            "question_id": f"{file.stem}/{name}",
            "image": f"{file.stem}/{name}",
            "question": question,
            "answer": answer,
        }
        given = {"response": response[0]} if response else {}
        yield Record(file, f"line {number}", {**fields, "category": file.stem, **given})


def _folder(folder: Path) -> Iterator[Record]:
    """Images and files of the same name with lines of question and answer, beside one another or in two folders."""
    texts = folder / "questions_answers_YN" if (folder / "questions_answers_YN").is_dir() else folder
    images = folder / "images" if (folder / "images").is_dir() else folder
    for image in sorted(each for each in images.iterdir() if each.suffix.lower() in _IMAGES):
        file = texts / f"{image.stem}.txt"
        if not file.is_file():
            raise DataError(f"{texts} lacks {file.name}, the questions about {image.name}")
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            question, tab, answer = line.rstrip("\r").partition("\t")
            if tab:
                name = f"{folder.name}/{image.name}"
                fields = {"question_id": name, "image": str(image), "question": question, "answer": answer.strip()}
                yield Record(file, f"line {number}", {**fields, "category": folder.name})
