"""Tables of two models that took turns: speed against speed, over pairs of runs."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.analysis.turns import TurnedFigure
from mmbench.reporting.cells import figure_cell
from mmbench.reporting.table import Cell, Table

_RATIO = (
    "ratio: the model's figure over the baseline's, geometric mean over pairs of runs that took turns, with its 95 % interval "
    "(Student's on logarithms); where that holds 1, the two may be equally fast"
)
_SPOILT = "runs left out, since their figures must not be quoted"


def turns_tables(figures: Sequence[TurnedFigure]) -> list[Table]:
    """A table for each task, a row for each figure."""
    return [
        _table(task, [each for each in figures if each.task == task])
        for task in dict.fromkeys(each.task for each in figures)
    ]


def _table(task: str, figures: Sequence[TurnedFigure]) -> Table:
    first = figures[0]
    spoilt = dict.fromkeys(reason for each in figures for reason in each.spoilt)
    return Table.of(
        ("figure", first.model, first.baseline, "ratio", "95 % interval", "pairs"),
        [_row(each) for each in figures],
        title=f"speed of {first.model} against {first.baseline} on {task}",
        notes=(_RATIO, *([f"{_SPOILT}: {'; '.join(spoilt)}"] if spoilt else [])),
    )


def _row(each: TurnedFigure) -> list[Cell]:
    ratio, (mine, theirs) = each.ratio, each.medians
    name = f"{each.figure} ({each.unit})"
    values = [Cell("n/a") if value is None else figure_cell(value) for value in (mine, theirs)]
    if ratio is None:
        return [Cell(name), *values, Cell("n/a"), Cell(), Cell("0", 0)]
    ends = "" if ratio.low is None or ratio.high is None else f"[{ratio.low:.3f}, {ratio.high:.3f}]"
    return [
        Cell(name),
        *values,
        Cell(f"{ratio.value:.3f}", ratio.value, ratio.low, ratio.high),
        Cell(ends, None, ratio.low, ratio.high),
        Cell(str(ratio.pairs), ratio.pairs),
    ]
