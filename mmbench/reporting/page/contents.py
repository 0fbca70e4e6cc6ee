"""What the views of the report draw, as JSON: the models, their values and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmbench.results.run import Run


def page_contents(runs: Sequence[Run]) -> dict[str, Any]:
    """Collect what the views draw.

    Args:
        runs: The runs of the report.

    Returns:
        A JSON document: ``summary``, one line below the title.
    """
    return {"summary": _summary(runs)}


def _summary(runs: Sequence[Run]) -> str:
    """How much there is, and from when, by the runs' own dates."""
    models = {run.model.name for run in runs}
    tasks = {name for run in runs for name in run.tasks}
    days = sorted({run.record.updated[:10] for run in runs})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    parts = (_counted(len(models), "model"), _counted(len(tasks), "task"), _counted(len(runs), "run"), when)
    return " · ".join(parts)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
