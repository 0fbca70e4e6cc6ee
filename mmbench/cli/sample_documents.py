"""Samples as JSON documents: those of a run with answers and scores, those of a task as a model is asked them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mmbench.core.media import Media
from mmbench.core.requests import Choose, Generate, Request
from mmbench.core.samples import Sample

if TYPE_CHECKING:
    from mmbench.analysis.sample_rows import SampleRow
    from mmbench.results.run import TaskResult


def row_document(row: SampleRow) -> dict[str, Any]:
    """A sample of a run: the columns of `SampleRow.to_dict`, and where its images lie (null: not in a file of their own)."""
    return {**row.to_dict(), "image_paths": [_path(image) for image in row.images]}


def run_sample_document(row: SampleRow, result: TaskResult) -> dict[str, Any]:
    """A sample of a run with every score that it has a part in, each with its unit."""
    return {**row_document(row), "scores": list(_scores(row, result))}


def _scores(row: SampleRow, result: TaskResult) -> Iterable[dict[str, Any]]:
    """The rows of all score tables that are of a sample: its own, and those of units that its id begins."""
    for unit, table in result.tables().items() if result.store.has_ids else ():
        for place, name in enumerate(table.unit_ids):
            if name != row.id and not name.startswith(f"{row.id}/"):
                continue
            yield {
                "unit": unit,
                "id": name,
                "status": str(table.status[place]),
                "columns": {key: _number(column[place]) for key, column in table.columns.items()},
                "extracted": None if table.answers is None else table.answers[place],
            }


def _number(value: Any) -> Any:
    """A score, or the list of those of a column that is wider."""
    return value.tolist() if hasattr(value, "tolist") else value


def task_sample_document(sample: Sample, task: str, requests: Iterable[Request]) -> dict[str, Any]:
    """A sample of a task, and what a model is asked."""
    return {
        "task": task,
        "id": sample.id,
        "group": sample.group,
        "slices": dict(sample.slices),
        "parts": [_part(part) for part in sample.parts],
        "references": list(sample.references),
        "choices": None if sample.choices is None else list(sample.choices),
        "requests": [_request(request) for request in requests],
    }


def _request(request: Request) -> dict[str, Any]:
    choices = request.choices if isinstance(request, Generate | Choose) else None
    messages = request.messages if isinstance(request, Generate) else ()
    return {
        "kind": request.kind,
        "content": [_part(part) for part in request.content],
        "messages": [{"role": each.role, "parts": [_part(part) for part in each.parts]} for each in messages],
        "choices": list(choices) if choices else None,
    }


def _part(part: str | Media) -> dict[str, Any]:
    if isinstance(part, str):
        return {"kind": "text", "text": part}
    return {"kind": part.kind, "path": _path(part), "digest": part.digest}


def _path(media: Media) -> str | None:
    return str(media.path) if media.path else None
