"""Runs whose answers are known, with their logs, and what they were asked, without a model and without a task."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from stored import TASK, score_table, write_run

from mmbench.analysis.side_by_side import Asked
from mmbench.core.media import Media
from mmbench.core.requests import Generate
from mmbench.core.samples import Sample
from mmbench.data.fingerprint import image_from_bytes
from mmbench.results.log import ResponseLog
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import ResponseLine


def answered(out: Path, model: str, answers: Mapping[str, Mapping[str, Any]], task: str = TASK, **more: Any) -> Path:
    """A run of `model`. `answers`: sample id to fields of its line in the log, with ``score`` and ``score_status`` beside them."""
    given = {name: dict(fields) for name, fields in answers.items()}
    scores = {name: fields.pop("score", 0.0) for name, fields in given.items()}
    status = {name: fields.pop("score_status") for name, fields in given.items() if "score_status" in fields}
    table = score_table(
        scores,
        status=status,
        answers=[fields.pop("extracted", None) for fields in given.values()],
        explanations=[fields.pop("why", None) for fields in given.values()],
        **more,
    )
    path = write_run(out, model, {task: [table]})
    log(
        path,
        [ResponseLine(id=f"{task}/{name}/0", **{"status": "ok", **fields}) for name, fields in given.items()],
        task,
    )
    return path


def log(path: Path, lines: Sequence[ResponseLine], task: str = TASK) -> None:
    """Add lines to the log of a run."""
    with ResponseLog(RunDirectory(path).task(task)) as writer:
        writer.append(lines)


def asked(questions: Mapping[str, str], images: Mapping[str, Media] | None = None, **more: Any) -> Asked:
    """What was asked: sample id to question, and to its image."""
    samples = {}
    for name, question in questions.items():
        image = (images or {}).get(name)
        parts = (question,) if image is None else (image, question)
        samples[name] = Sample(name, parts, **{"references": ("yes",), **more})
    return Asked(samples, lambda sample: [Generate(parts=(*sample.parts[:-1], f"{sample.parts[-1]}\nAnswer shortly."))])


def plain_image(colour: tuple[int, int, int], size: tuple[int, int] = (24, 16), **save: Any) -> Media:
    """An image of one colour."""
    stream = BytesIO()
    Image.new("RGB", size, colour).save(stream, **{"format": "PNG", **save})
    return image_from_bytes(stream.getvalue())
