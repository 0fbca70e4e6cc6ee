"""Quality against what it costs: latency, throughput, memory and money, with the models that no other one beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct, field

from mmbench.analysis.seeds import SeedGroup, middle
from mmbench.comparison.sweep import front
from mmbench.core.visible import visible
from mmbench.reporting.page.boards import Board, BoardRow, Measure
from mmbench.reporting.text import byte_size, figure
from mmbench.results.schema import PerfScenario


class Cost(NamedTuple):
    """Something that quality is weighed against."""

    figure: str
    """The figure of speed that it comes from."""
    title: str
    """What its axis is called, with the unit."""
    higher_is_better: bool = False
    """Direction."""


COSTS = (
    Cost("latency_p50", "Median latency (ms)"),
    Cost("samples_per_s", "Throughput (samples/s)", higher_is_better=True),
    Cost("gpu_allocated", "GPU memory (GB)"),
    Cost("peak_memory", "Process memory (GB)"),
    Cost("cost", "Cost (US$ per 1,000 requests)"),
)
"""All of them, in the order in which the page offers them."""
_BYTES = ("gpu_allocated", "peak_memory")


class Axis(Struct):
    """A cost that some model of a task has."""

    id: str
    """As in `Point.costs`."""
    title: str
    """With the unit."""
    higher_is_better: bool
    """Direction."""


class Point(Struct, omit_defaults=True):
    """A model."""

    row: int
    """Its row in the board."""
    costs: dict[str, Measure]
    """Cost to its value, in the unit of the axis."""
    fronts: list[str] = field(default_factory=list)
    """Costs on whose front it lies: nothing else that may be quoted has quality as high at a lower cost."""


class Tradeoff(Struct):
    """Quality and costs of one task."""

    board: int
    """Which of the boards has the values; the first metric is the quality."""
    axes: list[Axis]
    """The costs that are known."""
    points: list[Point]
    """The models that have a value and at least one cost."""


def tradeoff(place: int, board: Board, groups: Sequence[SeedGroup]) -> Tradeoff | None:
    """Weigh the values of a board against what they cost; None where no cost is known.

    Controls lie on no front: they look at nothing, and that is fast. What must not be quoted lies on none either.

    Args:
        place: The place of the board among all.
        board: The values.
        groups: The models of its rows, in the same order.
    """
    points = [
        Point(row, costs)
        for row, (each, group) in enumerate(zip(board.rows, groups, strict=True))
        if each.scores and each.scores[0] and each.scores[0].value is not None and (costs := _costs(group, board.task))
    ]
    axes = [cost for cost in COSTS if any(cost.figure in point.costs for point in points)]
    for cost in axes:
        pairs = [_pair(board, point, cost) for point in points]
        for point, on in zip(points, front(pairs), strict=True):
            point.fronts += [cost.figure] if on else []
    if not axes:
        return None
    return Tradeoff(place, [Axis(*cost) for cost in axes], points)


def _pair(board: Board, point: Point, cost: Cost) -> tuple[float | None, float | None]:
    """Quality and cost of a model, turned so that more is better; None for what lies on no front."""
    row: BoardRow = board.rows[point.row]
    found, score = point.costs.get(cost.figure), row.scores[0]
    if row.role == "control" or score is None or found is None or found.value is None or found.doubt:
        return None, None
    quality = score.value if board.metrics[0].higher_is_better or score.value is None else -score.value
    return quality, found.value if cost.higher_is_better else -found.value


def _costs(group: SeedGroup, task: str) -> dict[str, Measure]:
    """The costs of a model: medians over its seeds."""
    measured = [perf.quality for perf in group.perf(task) if perf.quality is not None]
    doubt = "; ".join(dict.fromkeys(reason.detail for each in measured for reason in each.reasons))
    if measured and not all(each.valid for each in measured):
        doubt = doubt or "not to be quoted"
    found = {}
    for cost in COSTS:
        value = middle(_value(each, cost.figure) for each in measured)
        if value is not None:
            of_speed = cost.figure in ("latency_p50", "samples_per_s")
            found[cost.figure] = Measure(_text(cost.figure, value), value, visible(doubt) if of_speed else "")
    return found


def _value(scenario: PerfScenario, name: str) -> float | None:
    value = scenario.value(name)
    if value is None or name not in (*_BYTES, "cost"):
        return value
    if name in _BYTES:
        return value / 1e9
    priced = scenario.figures[name].n
    return 1000 * value / priced if priced else None


def _text(name: str, value: float) -> str:
    return byte_size(round(value * 1e9)) if name in _BYTES else figure(value)
