"""The leaderboards of the page: for each task, and for the mean over tasks, the models with drawn intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import Struct, field

from mmbench.analysis.leaderboard import Leaderboard
from mmbench.analysis.leaders import Ranking, RankRange
from mmbench.analysis.roles import Role, role_of
from mmbench.analysis.seeds import SeedGroup, SeedRow, is_incomplete, middle
from mmbench.core.advice import without_advice
from mmbench.core.visible import visible
from mmbench.reporting.cells import (
    amount_cell,
    ending_cells,
    figure_cell,
    interval_cell,
    range_cell,
    rank_cell,
    seeds_cell,
    share_cell,
    solved_cell,
    value_cell,
)
from mmbench.reporting.notes import result_notes
from mmbench.reporting.speed_cells import conditions_cell, speed_cells
from mmbench.reporting.summary import status
from mmbench.reporting.table import Cell
from mmbench.reporting.text import number

SHARES = ("truncated", "unparsed", "refused", "failed")
"""How outputs can end badly."""


class Measure(Struct, omit_defaults=True):
    """A number as people read it, and as it is sorted."""

    text: str
    """For people."""
    value: float | None = None
    """For sorting; null where there is none."""
    doubt: str = ""
    """Why it must not be quoted; empty where it may be."""


class Score(Struct, omit_defaults=True):
    """The value of one metric of one model."""

    text: str
    """The value for people."""
    value: float | None = None
    """The value in the metric's natural range."""
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None
    """Upper end."""
    interval: str = ""
    """The interval for people; empty where there is none."""
    seeds: list[float] = field(default_factory=list)
    """The value of each seed, where there are several."""
    best: bool = False
    """Whether it leads the others, chance and prior, beyond noise."""
    incomplete: bool = False
    """Whether samples or seeds are missing from it."""


class MetricColumn(Struct, omit_defaults=True):
    """A metric of a board."""

    id: str
    """Its full id."""
    heading: str
    """The same, shorter."""
    scale: float
    """What the text multiplies by."""
    bounds: tuple[float | None, float | None]
    """The natural range; null where it has no end, or is not written down."""
    higher_is_better: bool = True
    """Direction."""
    marks: dict[str, Measure] = field(default_factory=dict)
    """``chance`` and ``prior``: what guessing gets, where that is known."""


class BoardRow(Struct, omit_defaults=True):
    """A model of a board."""

    model: str
    """Its label."""
    role: Role
    """Contestant, baseline or control."""
    scores: list[Score | None]
    """For each metric of the board."""
    status: str = ""
    """What stands in place of values where there are none."""
    rank: Measure | None = None
    """Its range of ranks."""
    coverage: Measure | None = None
    """The share of the samples that entered the value."""
    shares: dict[str, Measure] = field(default_factory=dict)
    """Name in `SHARES` to the share of outputs that ended so; those that are 0 are absent."""
    speed: Measure | None = None
    """Samples a second."""
    details: list[tuple[str, str]] = field(default_factory=list)
    """What else is known: (what, text)."""


class Board(Struct, omit_defaults=True):
    """A leaderboard."""

    title: str
    """What it is about."""
    task: str
    """The task's full name; empty for the mean over tasks."""
    metrics: list[MetricColumn]
    """The columns, the one that ranks first."""
    rows: list[BoardRow]
    """The models, best first; those without a rank last."""
    subtitle: str = ""
    """How many samples, of what."""
    notes: list[str] = field(default_factory=list)
    """What must be known to read it."""


def task_board(
    title: str, task: str, groups: Sequence[SeedGroup], metrics: Sequence[MetricColumn], ranking: Ranking | None
) -> Board:
    """The board of a task.

    Args:
        title: Its title.
        task: The task's full name.
        groups: The models, best first.
        metrics: The columns, the one that ranks first.
        ranking: Who leads; None where nothing is ranked.
    """
    return Board(title, task, list(metrics), [_row(group, task, metrics, ranking) for group in groups])


def mean_board(board: Leaderboard, notes: Sequence[str]) -> Board:
    """The board of the mean over tasks, with a column for each task."""
    scale = board.scale
    bounds = (None, None) if scale.bounds is None else scale.bounds
    metrics = [MetricColumn("mean", "Mean", scale.factor, bounds, scale.higher_is_better)]
    metrics += [
        MetricColumn(
            each.name,
            visible(each.name),
            each.scale.factor,
            each.scale.bounds or (None, None),
            each.scale.higher_is_better,
        )
        for each in board.columns
    ]
    rows = [
        BoardRow(
            visible(group.label),
            role_of(group.runs[0].model),
            [
                _mean(board, group.label),
                *(_score(group, each.task, each.rows.get(group.label)) for each in board.columns),
            ],
            rank=_rank(board.ranks.get(group.label)),
            details=_origin(group),
        )
        for group in (*board.ranked, *board.others)
    ]
    return Board(
        f"Mean of {len(board.columns)} tasks",
        "",
        metrics,
        rows,
        notes=[visible(without_advice(note)) for note in notes],
    )


def _mean(board: Leaderboard, label: str) -> Score | None:
    if label not in board.means:
        return None
    factor = board.scale.factor
    low, high = board.intervals.get(label, (None, None))
    text = "" if low is None else str(range_cell(low, high, factor))
    return Score(number(board.means[label], factor), board.means[label], low, high, text, best=label == board.best)


def _row(group: SeedGroup, task: str, metrics: Sequence[MetricColumn], ranking: Ranking | None) -> BoardRow:
    rows = {row.id: row for row in group.rows(task)}
    first = rows.get(metrics[0].id) if metrics else None
    best = {} if ranking is None else {name for name, label in ranking.best.items() if label == group.label}
    speed = speed_cells(group.perf(task))
    scores = [_score(group, task, rows.get(each.id), best=each.id in best) for each in metrics]
    return BoardRow(
        visible(group.label),
        role_of(group.runs[0].model),
        scores,
        status="" if any(scores) else status(group, task),
        rank=_rank(ranking.ranks.get(group.label) if ranking else None),
        coverage=None if first is None else measure(share_cell(first.coverage)),
        shares={} if first is None else _shares(first),
        speed=measure(speed["samples/s"]) if speed["samples/s"] else None,
        details=[*_details(group, task, first, speed), *_origin(group)],
    )


def _score(group: SeedGroup, task: str, row: SeedRow | None, *, best: bool = False) -> Score | None:
    if row is None:
        return None
    one = row.one
    seeds = [value for value in row.values if value is not None] if group.several else []
    interval = replace(interval_cell(one)) if not group.several and one.low is not None else Cell()
    return Score(
        number(row.value, one.scale),
        row.value,
        interval.low,
        interval.high,
        str(interval),
        seeds,
        best,
        is_incomplete(group, task),
    )


def _rank(rank: RankRange | None) -> Measure | None:
    return None if rank is None else Measure(str(rank_cell(rank)), rank.low + rank.rank / 10_000)


def _shares(row: SeedRow) -> dict[str, Measure]:
    cells = ending_cells(row, row.one.scale)
    if row.n_failed:
        cells["failed"] = share_cell(1 - row.coverage)
    return {name: measure(cells[name]) for name in SHARES if name in cells}


def measure(cell: Cell) -> Measure:
    """A cell as the page has it."""
    doubt = visible(cell.note or "not to be quoted") if "invalid" in cell.marks else ""
    return Measure(visible(cell.display), None if cell.number is None else float(cell.number), doubt)


def _details(group: SeedGroup, task: str, first: SeedRow | None, speed: dict[str, Cell]) -> list[tuple[str, str]]:
    """What a row shows when it is opened; what is empty is left out."""
    learned = group.learned(task)
    trained = max((each.parameters for each in learned if each.parameters), default=None)
    seconds = middle(each.train_s for each in learned)
    found = {
        "Answered": "" if first is None else f"{first.n:,} of {first.n + first.n_failed:,}",
        "Each seed": str(seeds_cell(first)) if first is not None and group.several else "",
        "Seeds that solved it": str(solved_cell(first)) if first is not None and group.several else "",
        "Bounds": "" if first is None else str(ending_cells(first, first.one.scale).get("bounds", "")),
        "Median latency": f"{speed['p50 ms']} ms" if speed["p50 ms"] else "",
        "Peak memory": str(speed["peak memory"]) if speed["peak memory"].value is not None else "",
        "Measured as": str(conditions_cell(group.perf(task))) if speed["samples/s"] else "",
        "Trained weights": "" if trained is None else str(amount_cell(trained)),
        "Training": "" if seconds is None else f"{figure_cell(seconds)} s",
    }
    notes = [(f"Note{where}", text) for where, text in result_notes(group, task, speed=True)]
    return [(name, visible(without_advice(text))) for name, text in [*found.items(), *notes] if text]


def _origin(group: SeedGroup) -> list[tuple[str, str]]:
    return [("Runs" if group.several else "Run", visible(", ".join(run.path.name for run in group.runs)))]


def metric_column(metric: str, heading: str, groups: Sequence[SeedGroup], task: str) -> MetricColumn | None:
    """A metric as a column, with what guessing gets; None where no model has it."""
    rows = [row for group in groups for row in group.rows(task) if row.id == metric]
    if not rows:
        return None
    one = rows[0].one
    specs = [result.specs[metric] for group in groups for result in group.scored(task) if metric in result.specs]
    marks = {}
    for name in ("chance", "prior"):
        known = [value for row in rows if (value := getattr(row, name)) is not None]
        if known:
            marks[name] = measure(value_cell(known[0], one.scale))
    bounds = specs[0].bounds if specs else (None, None)
    return MetricColumn(metric, heading, one.scale, bounds, one.higher_is_better, marks)
