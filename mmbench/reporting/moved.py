"""What a rescoring moved, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench.reporting.table import Table
from mmbench.reporting.text import number, signed

if TYPE_CHECKING:
    from mmbench.core.score_table import MetricValue
    from mmbench.scoring.renewal import Moved, Rescored


def moved_tables(result: Rescored) -> list[Table]:
    """A table for each task in which anything moved: old and new values, and how many units changed."""
    tables = []
    for task in dict.fromkeys(each.task for each in result.moved if each.moved):
        metrics = [each for each in result.moved if each.task == task]
        found = [each for each in metrics if each.moved]
        still = len(metrics) - len(found)
        notes = (f"{still} metric{'s' * (still != 1)} did not move",) if still else ()
        titles = ("metric", "old", "new", "change", "units changed", "of")
        tables.append(Table.of(titles, [*map(_row, found)], notes=notes, title=f"{task}: what moved"))
    return tables


def _row(moved: Moved) -> tuple[str, ...]:
    old, new = moved.old, moved.new
    known = new or old
    scale = known.scale if known else 1.0
    both = [each.value for each in (old, new) if each is not None and each.value is not None]
    change = signed(both[1] - both[0], scale) if len(both) == 2 else ""
    changed = "n/a" if moved.changed is None else f"{moved.changed:,}"
    return moved.id, _value(old), _value(new), change, changed, f"{known.n + known.n_failed:,}" if known else ""


def _value(value: MetricValue | None) -> str:
    return "none" if value is None else number(value.value, value.scale)
