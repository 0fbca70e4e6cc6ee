"""``mmbench show RUN --predict``: what other prompts would cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mmbench.analysis.predicted_cost import PromptMix, predict_costs
from mmbench.cli.values import print_as
from mmbench.reporting.table import Cell, Table
from mmbench.reporting.terminal import print_tables

if TYPE_CHECKING:
    from mmbench.results.run import Run

_STRAIGHT = "a straight sum fitted to the calls of the run: far from what it asked, the truth may differ"


def print_costs(run: Run, values: dict[str, Any]) -> None:
    """Print a row for each task and unit. Raises `UsageError`."""
    costs = predict_costs(run, PromptMix.read(values["predict"]))
    notes = [_STRAIGHT]
    for cost in costs:
        notes += [f"{cost.task}: {name.replace('_', ' ')} make no difference in this fit" for name in cost.ignored]
        notes += [f"{cost.task}: ‡ the speed of this run must not be quoted: {reason}" for reason in cost.reasons]
    rows = [
        [
            Cell(cost.task),
            Cell(cost.unit),
            Cell(f"{cost.per_request:.4g}", cost.per_request),
            Cell(f"{1000 * cost.per_request:.4g}", 1000 * cost.per_request),
            Cell(f"{100 * cost.error:.0f} %", cost.error),
            Cell(f"{cost.n:,}", cost.n),
        ]
        for cost in costs
    ]
    titles = ("task", "unit", "a request", "1,000 requests", "error of the fit", "calls")
    table = Table.of(titles, rows, left=2, title=f"a request of {values['predict']}", notes=tuple(dict.fromkeys(notes)))
    if values["format_name"] is None:
        print_tables([table], sys.stdout)
    else:
        print_as(values["format_name"], [table])
