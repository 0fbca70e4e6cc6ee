"""Quality against speed, memory or cost, with the Pareto front: of stored runs, or of the values of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from mmbench.analysis.estimates import Estimate
from mmbench.analysis.seeds import SeedGroup
from mmbench.comparison.sweep import SweepPoint, front
from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.reporting.figures.canvas import EDGE, GREY, LINE, NORMAL, PALE, PALETTE, SMALL, Canvas
from mmbench.reporting.figures.forest import draw_legend, legend_rows
from mmbench.reporting.figures.labels import Box, Spot, placed
from mmbench.reporting.figures.panels import Panel
from mmbench.reporting.figures.scales import Scale, is_logarithmic, limits, log_ticks, set_axis
from mmbench.reporting.speed_cells import conditions_cell, identities, speed_cell
from mmbench.reporting.text import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AGAINST = {
    "latency": ("latency_p50", "batch_ms_p50"),
    "throughput": ("samples_per_s",),
    "memory": ("gpu_allocated", "peak_memory"),
    "cost": ("cost_per_1000_samples",),
    "energy": ("gpu_energy_per_request",),
}
"""What quality is weighed against, to the figures that say it: the first that all measured models have."""
_NAMES = {
    "latency_p50": "latency, median (ms)",
    "batch_ms_p50": "time of a batch, median (ms)",
    "samples_per_s": "samples a second",
    "gpu_allocated": "peak GPU memory",
    "peak_memory": "peak memory of the process",
    "cost_per_1000_samples": "cost of 1,000 samples (USD)",
    "gpu_energy_per_request": "GPU energy of a request (J)",
}
_MORE_IS_BETTER = frozenset({"mfu", "padding_efficiency", "goodput", "max_rate"})
"""Figures that are better when they are higher, beside all rates."""

_FRONT, _RING = "Pareto front", "must not be quoted"
_GAP, _RIGHT = 0.12, 0.14
_BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
"""Keeps lines out of names that stand on them."""
_SHAPE = 0.72
"""Height of a panel over its width."""
_WIDE = 2.6
"""Inches of a panel at least, where two stand side by side."""
_LEFT, _TITLE, _AXIS = 0.45, 0.24, 0.4
"""Inches left of the axes for ticks and label, above them, and below."""


@dataclass(frozen=True, slots=True)
class Point:
    """One model."""

    label: str
    """Its name."""
    quality: Estimate
    """Its value."""
    cost: float
    """What it takes."""
    quotable: bool = True
    """Whether that may be quoted."""
    on_front: bool = False
    """Whether no other model is at least as good at less cost."""


@dataclass(frozen=True, slots=True)
class ParetoPanel:
    """Quality against one cost."""

    title: str
    """What stands above it."""
    across: Scale
    """The axis of costs."""
    up: Scale
    """The axis of quality."""
    points: tuple[Point, ...]
    """The models; none where nothing was measured."""


def pareto_panels(panels: Sequence[Panel], against: str, notes: list[str]) -> list[ParetoPanel]:
    """Weigh models against a figure of speed, memory or cost.

    Args:
        panels: The tasks with their models.
        against: One of `AGAINST`, or the name of a figure in ``perf.json``.
        notes: Takes what must be said beside the figure.

    Returns:
        A panel for each task that has the figure.

    Raises:
        UsageError: If no run has it.
    """
    found = [each for panel in panels if (each := _panel(panel, against, notes)) is not None]
    if found:
        return found
    known = sorted({name for panel in panels for group in panel.groups for name in _measured(group, panel.task)})
    if not known:
        raise UsageError(f"no speed was measured in these runs, so there is no {against} to draw against")
    reasons = _reasons(panels, AGAINST.get(against, (against,)))
    if against in AGAINST or reasons:
        why = f" ({'; '.join(reasons)})" if reasons else ""
        raise UsageError(f"these runs have no {against}{why}; --against takes what they have: {', '.join(known)}")
    hint = f"They have: {', '.join(known)}; also: {', '.join(AGAINST)}."
    raise UnknownNameError("figure of speed of these runs", against, [*AGAINST, *known], hint=hint)


def _reasons(panels: Sequence[Panel], names: Sequence[str]) -> list[str]:
    """Why figures are null, each reason once."""
    scenarios = [
        perf.quality
        for panel in panels
        for group in panel.groups
        for perf in group.perf(panel.task)
        if perf.quality is not None
    ]
    found = [each.figures[name].reason for each in scenarios for name in names if name in each.figures]
    return list(dict.fromkeys(reason for reason in found if reason))


def _measured(group: SeedGroup, task: str) -> list[str]:
    """Names of the figures of the quality run that have a value in some seed."""
    found = [perf.quality for perf in group.perf(task) if perf.quality is not None]
    return list(dict.fromkeys(name for each in found for name, own in each.figures.items() if own.value is not None))


def _panel(panel: Panel, against: str, notes: list[str]) -> ParetoPanel | None:
    measured = [group for group in panel.groups if _measured(group, panel.task)]
    names = AGAINST.get(against, (against,))
    covered = {name: [g for g in measured if name in _measured(g, panel.task)] for name in names}
    name = max(names, key=lambda each: len(covered[each]))
    if not covered[name]:
        return None
    lacking = [group.label for group in panel.groups if group not in covered[name]]
    notes += [f"{panel.title}: not shown, without {name}: {', '.join(lacking)}"] if lacking else []
    unit = _unit(covered[name], panel.task, name)
    higher = unit == "1/s" or name in _MORE_IS_BETTER
    points = [_point(panel, group, name) for group in covered[name]]
    if len({identities(group.perf(panel.task)) for group in covered[name]}) > 1:
        asked = [f"{g.label}: {conditions_cell(g.perf(panel.task)).display}" for g in covered[name]]
        notes.append(f"{panel.title}: speeds were measured under other conditions ({'; '.join(asked)})")
    if not all(point.quotable for point in points):
        notes.append("rings: speeds that must not be quoted, on no front; mmbench show RUN says why")
    said = _NAMES.get(name, f"{name} ({unit})" if unit not in ("", "1", "B") else name)
    across = _bytes(said, points) if unit == "B" else Scale(said, "", 1.0, higher, figure)
    return ParetoPanel(panel.title, across, panel.scale, tuple(_with_front(points, panel.scale, higher=higher)))


def _unit(groups: Sequence[SeedGroup], task: str, name: str) -> str:
    scenarios = [perf.quality for group in groups for perf in group.perf(task) if perf.quality is not None]
    return next((each.figures[name].unit for each in scenarios if name in each.figures), "")


def _point(panel: Panel, group: SeedGroup, name: str) -> Point:
    found = [perf.quality for perf in group.perf(panel.task) if perf.quality is not None]
    if name == "peak_memory":
        most = max(value for each in found if (value := each.value(name)) is not None)
        return Point(group.label, panel.values[group.label], most)
    cell = speed_cell(name, found)
    return Point(group.label, panel.values[group.label], float(cell.number or 0.0), "invalid" not in cell.marks)


def _with_front(points: Sequence[Point], scale: Scale, *, higher: bool) -> list[Point]:
    up, across = (1 if scale.higher_is_better else -1), (1 if higher else -1)
    on = front([(up * each.quality.value, across * each.cost if each.quotable else None) for each in points])
    return [replace(point, on_front=own) for point, own in zip(points, on, strict=True)]


def sweep_panels(points: Sequence[SweepPoint]) -> list[ParetoPanel]:
    """Two panels for each model and task of a sweep: quality against samples a second and against memory."""
    found: list[ParetoPanel] = []
    for model, task in dict.fromkeys((point.model, point.task) for point in points):
        own = [point for point in points if (point.model, point.task) == (model, task)]
        metric = next((point.metric for point in own if point.metric is not None), None)
        title, up = f"{model} on {task}", Scale("value") if metric is None else Scale.of(metric)
        speed = Scale(_NAMES["samples_per_s"], "", 1.0, higher_is_better=True, write=figure)
        found.append(ParetoPanel(title, speed, up, _swept(own, "speed", lambda each: each.measured_per_s)))
        gpu = any(point.gpu_bytes is not None for point in own)
        memory = _swept(own, "memory", lambda each: each.memory_bytes)
        across = _bytes(_NAMES["gpu_allocated"] if gpu else "size of the weights", memory)
        found.append(ParetoPanel(title, across, up, memory))
    return found


def _swept(points: Sequence[SweepPoint], of: str, cost: Callable[[SweepPoint], float | None]) -> tuple[Point, ...]:
    return tuple(
        Point(point.setting, quality, float(value), of != "speed" or point.speed_is_valid, of in point.fronts)
        for point in points
        if point.metric is not None
        if (quality := Estimate.of(point.metric)) is not None and (value := cost(point)) is not None
    )


def _bytes(name: str, points: Sequence[Point]) -> Scale:
    """An axis of bytes, in the unit that suits the largest."""
    most = max((point.cost for point in points), default=0.0)
    size, unit = next((each for each in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if most >= each[0]), (1.0, "B"))
    return Scale(name, unit, 1.0, higher_is_better=False, write=lambda value: f"{value / size:,.4g}")


# --- drawing ---


def draw_pareto(canvas: Canvas, panels: Sequence[ParetoPanel]) -> list[str]:
    """Draw the panels, two in a line where these are wide enough; returns the names of what found no room for its label."""
    columns = 2 if len(panels) > 1 and canvas.width >= 2 * _WIDE + _GAP else 1
    width = (canvas.width - _GAP * (columns - 1)) / columns
    each = _TITLE + (width - _LEFT) * _SHAPE + _AXIS
    points = [point for panel in panels for point in panel.points]
    legend = [("front", _FRONT)] if any(point.on_front for point in points) else []
    legend += [("ring", _RING)] if not all(point.quotable for point in points) else []
    rows = legend_rows(canvas, legend)
    lines = -(-len(panels) // columns)
    unplaced: list[str] = []
    with canvas.begin(lines * each + LINE * len(rows) + (EDGE if rows else 0)):
        for place, panel in enumerate(panels):
            left, top = (place % columns) * (width + _GAP), (place // columns) * each
            unplaced += _draw(
                canvas, panel, Box(left + _LEFT, top + _TITLE, width - _LEFT - _RIGHT, each - _TITLE - _AXIS)
            )
        draw_legend(canvas, rows, _LEFT, lines * each)
    return unplaced


def _draw(canvas: Canvas, panel: ParetoPanel, place: Box) -> list[str]:
    axes = canvas.axes(*place)
    canvas.write(place.left, place.top - 0.17, canvas.fitted(panel.title, place.width, NORMAL))
    axes.set_ylabel(canvas.fitted(panel.up.label, place.height, NORMAL), labelpad=2)
    axes.set_xlabel(canvas.fitted(panel.across.label, place.width, NORMAL), labelpad=2)
    if not panel.points:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", color=GREY, transform=axes.transAxes)
        return []
    axes.grid(visible=True, color=PALE)
    factor = panel.up.factor
    costs = [point.cost for point in panel.points]
    _set_across(axes, panel.across, costs, place.width)
    ends = limits([end * factor for point in panel.points for end in point.quality.ends])
    set_axis(axes.yaxis, panel.up, ends, place.height)
    border = _staircase(panel, factor)
    axes.plot([x for x, _ in border], [y for _, y in border], color=PALETTE[0], linewidth=0.9, zorder=1.5)
    for point in panel.points:
        _draw_point(axes, point, factor)
    inches = _inches(axes, place)
    spots = [_spot(canvas, inches, point, factor, place) for point in panel.points]
    found = placed(spots, _inner(place), [_between(inches(*a), inches(*b)) for a, b in pairwise(border)])
    for spot, label in found.items():
        if label.line is not None:
            canvas.line(*label.line, color=GREY, linewidth=0.4)
        middle = label.box.top + spot.height / 2
        centre = label.box.left + spot.width / 2
        canvas.write(centre, middle, spot.text, fontsize=SMALL, ha="center", va="center_baseline", bbox=_BEHIND)
    return [point.label for point, spot in zip(panel.points, spots, strict=True) if spot not in found]


def _inner(place: Box) -> Box:
    """Where names may stand: clear of the axes."""
    return Box(place.left + 0.03, place.top, place.width + _RIGHT - 0.03, place.height - 0.03)


def _staircase(panel: ParetoPanel, factor: float) -> list[tuple[float, float]]:
    """The border of what the models on the front reach: (cost, quality as shown) of its corners.

    It is a staircase, since no model is known to lie between two others.
    """
    on = sorted({(point.cost, point.quality.value * factor) for point in panel.points if point.on_front})
    if len(on) < 2:
        return []
    more = bool(panel.across.higher_is_better)
    corners = [on[0]]
    for (cost, quality), (next_cost, next_quality) in pairwise(on):
        corners += [(cost, next_quality) if more else (next_cost, quality), (next_cost, next_quality)]
    return corners


def _between(a: tuple[float, float], b: tuple[float, float]) -> Box:
    """A line along an axis as a thin box."""
    return Box(min(a[0], b[0]) - 0.01, min(a[1], b[1]) - 0.01, abs(a[0] - b[0]) + 0.02, abs(a[1] - b[1]) + 0.02)


def _set_across(axes: Axes, scale: Scale, costs: Sequence[float], width: float) -> None:
    """The axis of costs, logarithmic where costs are far apart."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    if not is_logarithmic(costs):
        low, high = limits(costs)
        set_axis(axes.xaxis, scale, (max(low, 0.0) if min(costs) >= 0 else low, high), width)
        return
    axes.set_xscale("log")
    low, high = min(costs) / 1.25, max(costs) * 1.25
    axes.set_xlim(low, high)
    found = log_ticks(low, high, max(2, int(width / 0.5)))
    axes.xaxis.set_major_locator(FixedLocator(found))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FixedFormatter([(scale.write or str)(tick) for tick in found]))


def _draw_point(axes: Axes, point: Point, factor: float) -> None:
    colour = PALETTE[0] if point.on_front else GREY
    low, high = point.quality.ends
    axes.plot([point.cost] * 2, [low * factor, high * factor], color=colour, linewidth=0.9, zorder=2)
    axes.plot(
        [point.cost],
        [point.quality.value * factor],
        "o",
        color=colour,
        markerfacecolor=colour if point.quotable else "white",
        markersize=4.2,
        markeredgewidth=0.9,
        clip_on=False,
        zorder=3,
    )


def _inches(axes: Axes, place: Box) -> Callable[[float, float], tuple[float, float]]:
    """Maps what is shown to inches from the upper left corner of the figure."""

    def inches(cost: float, quality: float) -> tuple[float, float]:
        x, y = axes.transAxes.inverted().transform(axes.transData.transform((cost, quality)))
        return place.left + x * place.width, place.top + (1 - y) * place.height

    return inches


def _spot(
    canvas: Canvas, inches: Callable[[float, float], tuple[float, float]], point: Point, factor: float, place: Box
) -> Spot:
    """Where a point stands, in inches, and how much room its label takes."""
    text = canvas.fitted(point.label, place.width * 0.5)
    x, y = inches(point.cost, point.quality.value * factor)
    low, high = (inches(point.cost, end * factor)[1] for end in point.quality.ends)
    return Spot(text, x, y, (high, low), canvas.text_width(text) + 0.05, 0.11, first=point.on_front)
