"""Show the verdicts of a gate as a table, and as Markdown for a job's summary page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mmbench.gating.verdicts import GateResult, Outcome, Verdict
from mmbench.reporting.cells import count_cell, share_cell, value_cell
from mmbench.reporting.markdown import table_markdown
from mmbench.reporting.table import Cell, Column, Table
from mmbench.reporting.text import byte_size, figure, fixed, level_text, number, signed
from mmbench.reporting.verdict_words import gate_notes, headline, reason_text, verdict_text

if TYPE_CHECKING:
    from mmbench.gating.aa import FalseAlarms
    from mmbench.gating.plan import PlanRow, PlanSettings

SUMMARY_LIMIT = 2**20
"""Bytes that GitHub shows of one step's summary; a longer one is not shown at all."""

MARKS: dict[Outcome, str] = {"passed": "ok", "violated": "FAIL", "undecided": "?"}
"""How outcomes are shown."""

_LEFT = ("outcome", "rule", "verdict")
_OF_CLUSTERS = ("clusters needed", "clusters at hand", "icc")
_PLAN_TITLES: tuple[str, ...] = (
    *("metric", "tolerance", "samples needed", "clusters needed", "at hand", "clusters at hand", "detectable"),
    *("sd", "icc", "design effect"),
)
_NAMED = 3
"""Rules that a note names, of those that share a reason."""
_TITLES = (
    "outcome",
    "rule",
    "baseline",
    "run",
    "change",
    "interval",
    "level",
    "bounds",
    "p (drop)",
    "detectable",
    "n",
    "coverage",
    "from seeds",
    "verdict",
)
_PLAIN = ("same", "within noise")
"""Verdicts that need no words where a rule holds."""
_UNTOLD = ("new", "not comparable")
"""Verdicts that say nothing about a limit."""
_ORDER: tuple[Outcome, ...] = ("violated", "undecided", "passed")


def gate_table(result: GateResult) -> Table:
    """A row a rule, in order; below them why a rule does not hold, or what limits one that does."""
    return _table(result, result.verdicts, ())


def _table(result: GateResult, verdicts: Sequence[Verdict], more: Sequence[str]) -> Table:
    rows = [_row(verdict) for verdict in verdicts]
    notes = _said([each for outcome in _ORDER for each in verdicts if each.outcome == outcome])
    if any(verdict.smallest for verdict in verdicts):
        notes.append("detectable: a true drop of that size is found 8 times in 10; a smaller one can be missed")
    shown = [verdict for verdict in verdicts if verdict.level is not None]
    if any(verdict.check.rule.policy != "absolute" for verdict in shown):
        notes.append(
            "interval: of the change; each end is the bound of a one-sided test, at the level that decided after all corrections, so it agrees "
            "with the verdict"
        )
    if any(verdict.check.rule.policy == "absolute" for verdict in shown):
        notes.append("interval of a limit: that of the run's value, two-sided")
    kept = [n for n in range(len(_TITLES)) if n < 2 or not rows or any(row[n] for row in rows)]
    return Table(
        tuple(Column(_TITLES[n], "left" if _TITLES[n] in _LEFT else "right") for n in kept),
        tuple(tuple(row[n] for n in kept) for row in rows),
        notes=(*notes, *gate_notes(result), *more),
        title=headline(result),
    )


def _said(verdicts: Sequence[Verdict]) -> list[str]:
    """Why rules do not hold, and what else is no plain pass; each reason once, with the rules that share it."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for each in verdicts:
        rule = each.check.rule
        if (
            each.at_bound is not None
            or each.outcome != "passed"
            or each.word not in (*_PLAIN, *(_UNTOLD if rule.policy == "absolute" else ()))
        ):
            found.setdefault((MARKS[each.outcome], verdict_text(each), reason_text(each)), []).append(rule.text)
    return [
        f"{mark} {'; '.join(rules[:_NAMED])}{f' and {len(rules) - _NAMED:,} more' if len(rules) > _NAMED else ''}: {word}: {why}"
        for (mark, word, why), rules in found.items()
    ]


def _row(verdict: Verdict) -> tuple[Cell, ...]:
    rule, scale, perf = verdict.check.rule, verdict.check.scale, verdict.check.perf
    change = verdict.difference
    interval = _ends(verdict, verdict.low, verdict.high)
    return (
        Cell(MARKS[verdict.outcome]),
        Cell(rule.text),
        *(_value(verdict, each) for each in (verdict.baseline, verdict.value)),
        Cell() if change is None else Cell(signed(change, scale, 2) if perf is None else _factor(change), change),
        interval,
        Cell(level_text(verdict.level), verdict.level) if interval and verdict.level is not None else Cell(),
        _ends(verdict, verdict.bound_low, verdict.bound_high),
        Cell() if verdict.p_value is None else Cell(f"{verdict.p_value:.3g}", verdict.p_value),
        Cell(fixed(scale * verdict.smallest, 2), verdict.smallest) if verdict.smallest else Cell(),
        count_cell(verdict.n) if verdict.n else Cell(),
        share_cell(verdict.coverage) if verdict.n and verdict.coverage is not None else Cell(),
        Cell() if verdict.seed_share is None else share_cell(verdict.seed_share),
        Cell(verdict_text(verdict)),
    )


def _value(verdict: Verdict, value: float | None) -> Cell:
    """A value of a side; empty where it has none."""
    check = verdict.check
    if value is None:
        return Cell()
    return value_cell(value, check.scale) if check.perf is None else Cell(_measured(value, check.perf.unit), value)


def _ends(verdict: Verdict, low: float | None, high: float | None) -> Cell:
    """An interval or bounds: of the value where the rule is a limit, else of the change; empty where there are none."""
    if low is None or high is None:
        return Cell()
    shown = number if verdict.check.rule.policy == "absolute" else partial(signed, digits=2)
    return Cell(f"[{shown(low, verdict.check.scale)}, {shown(high, verdict.check.scale)}]", None, low, high)


def _factor(worse: float) -> str:
    """By how many times a figure is worse.

    >>> _factor(2.0), _factor(0.8), _factor(0.9999)
    ('×2 worse', '×1.25 better', '×1')
    """
    shown = f"×{max(worse, 1 / worse):.3g}"
    return shown if shown == "×1" else f"{shown} {'worse' if worse > 1 else 'better'}"


def _measured(value: float, unit: str) -> str:
    return byte_size(int(value)) if unit == "B" else f"{figure(value)}{'' if unit.startswith('/') else ' '}{unit}"


def plan_table(rows: Sequence[PlanRow], settings: PlanSettings) -> Table:
    """How many samples each tolerance needs, a row a metric and tolerance."""
    cells = [_plan_row(row) for row in rows]
    if any(row.noise.clusters for row in rows):
        titles = _PLAN_TITLES
    else:
        titles = tuple(title for title in _PLAN_TITLES if title not in _OF_CLUSTERS)
        cells = [
            tuple(cell for cell, title in zip(each, _PLAN_TITLES, strict=True) if title in titles) for each in cells
        ]
    breaks = frozenset(n for n in range(1, len(rows)) if rows[n].noise.name != rows[n - 1].noise.name)
    basis = dict.fromkeys(f"{row.noise.name}: {row.noise.basis}" for row in rows)
    shared = f", shared by {settings.rules} rules" if settings.rules > 1 else ""
    notes = (
        *basis,
        f"detectable: the drop that the samples at hand show; it and sd are in points; alpha {settings.alpha:g} one-sided{shared}, power {settings.power:g}",
        "to exclude a drop (non-inferiority) takes about as many as to see it",
    )
    short = [row for row in rows if row.needed is None and row.clusters is not None and row.noise.clusters is not None]
    few = tuple(
        f"no number of samples in {row.noise.clusters.count:,} clusters shows a drop of {row.tolerance:g}pt: it takes {row.clusters:,} "
        "clusters or more"
        for row in short
        if row.noise.clusters is not None and row.noise.clusters.count is not None
    )
    columns = tuple(Column(title, "left" if title == "metric" else "right") for title in titles)
    return Table(columns, tuple(cells), breaks, (*few, *notes), title="samples that a tolerance needs")


def _plan_row(row: PlanRow) -> tuple[str, ...]:
    noise = row.noise
    groups = noise.clusters
    more_clusters = row.needed is None and row.clusters is not None
    return (
        noise.name,
        f"{row.tolerance:g}pt",
        "n/a" if row.needed is None else f"{row.needed:,}",
        "" if row.clusters is None else f"{'≥ ' if more_clusters else ''}{row.clusters:,}",
        "" if noise.n is None else f"{noise.n:,}",
        "" if groups is None or groups.count is None else f"{groups.count:,}",
        "" if not row.smallest else f"{row.smallest:.2f}",
        f"{noise.scale * noise.sd:.1f}",
        "" if groups is None or groups.icc is None else f"{groups.icc:.2f}",
        "" if noise.design_effect is None else f"{noise.design_effect:.2f}",
    )


def false_alarm_lines(found: FalseAlarms) -> list[str]:
    """What a simulation of false alarms found, line by line."""
    interval = "" if found.low is None or found.high is None else f" [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    rules = f"{found.rules:,} rule{'' if found.rules == 1 else 's'}"
    lines = [
        f"false alarms: {100 * found.rate:.1f} %{interval} of {found.simulations:,} simulated gates with {rules}",
        f"equal models: {found.how}",
    ]
    if found.pairs:
        lines.append(
            f"runs of one model: {found.pairs_violated} of {found.pairs} ordered pairs fail each other; training anew moves "
            "values beyond the noise of the samples, which alone is simulated above"
        )
    if found.left_out:
        lines.append(f"not simulated: {'; '.join(found.left_out)}")
    return lines


def summary_markdown(result: GateResult, room: int = SUMMARY_LIMIT) -> str:
    """The table as Markdown, in at most `room` bytes of UTF-8; empty where not even its head fits.

    What fails comes first; of what does not fit, the number of rules is said.
    """
    ordered = [each for outcome in _ORDER for each in result.verdicts if each.outcome == outcome]
    text = table_markdown(_table(result, ordered, ()))
    if _size(text) <= room:
        return text
    low, high = 0, len(ordered)
    while low < high:  # the largest number of rules that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(_cut(result, ordered, middle)) <= room else (low, middle - 1)
    text = _cut(result, ordered, low)
    return text if _size(text) <= room else ""


def _cut(result: GateResult, ordered: Sequence[Verdict], kept: int) -> str:
    more = f"{len(ordered) - kept:,} more rules are left out, because the page has no room for them"
    return table_markdown(_table(result, ordered[:kept], (more,)))


def _size(text: str) -> int:
    return len(text.encode())
