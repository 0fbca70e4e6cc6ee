"""Tables of an explanation: causes with their points, the settings that differ, and examples."""

from __future__ import annotations

from collections.abc import Mapping

from mmbench.comparison.causes import Cause, Part
from mmbench.comparison.gap import Explanation, TaskExplanation
from mmbench.comparison.settings import Fact
from mmbench.reporting.cells import range_cell, signed_cell
from mmbench.reporting.table import Cell, Table
from mmbench.reporting.text import number

_WORDS: Mapping[Cause, str] = {
    "samples": "samples that only one run was asked",
    "failures": "failures and refusals",
    "references": "changed references",
    "extraction": "extraction of answers",
    "metric": "convention of the metric",
    "questions": "changed questions",
    "truncation": "answers cut off",
    "answers": "other answers",
    "scoring and answers": "scoring and answers together",
}
_SHOWN = 4
"""Settings that stand in the row of the answers; the table of settings has all."""


def gap_tables(found: Explanation) -> list[Table]:
    """For each task its causes, the settings that differ, and examples where there are any."""
    tables: list[Table] = []
    for each in found.tasks:
        tables += [_causes(found, each), *_facts(found, each), *_examples(found, each)]
    return tables


def _causes(found: Explanation, each: TaskExplanation) -> Table:
    own, scale = each.attribution, each.scale
    rows: list[tuple[Cell | str, ...]] = [
        (found.a.label, Cell(number(own.value_a, scale), own.value_a), "", "", each.metric_a),
    ]
    rows += [_row(part, each) for part in own.parts if part.points or part.changed or part.cause == "answers"]
    rows.append((found.b.label, Cell(number(own.value_b, scale), own.value_b), "", "", each.metric_b))
    title = each.task_b if each.task_a == each.task_b else f"{each.task_a} and {each.task_b}"
    heads = ("", "points", "95 % interval", f"{each.unit}s", "")
    return Table.of(
        heads,
        [(row[0], row[1], row[2], row[3], row[4]) for row in rows],
        breaks=frozenset({1, len(rows) - 1}),
        notes=tuple(_notes(found, each)),
        title=f"{title}: from {found.a.label} to {found.b.label}",
    )


def _row(part: Part, each: TaskExplanation) -> tuple[Cell | str, ...]:
    difference = part.difference
    interval = Cell() if difference is None else range_cell(difference.low, difference.high, each.scale)
    count = Cell(f"{part.changed:,}", part.changed) if part.changed else Cell()
    names = [name.replace("_", " ") for name in each.due_to]
    due = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    about = f"by {due}" if part.cause == "answers" and part.changed and due else ""
    return _WORDS[part.cause], signed_cell(part.points, each.scale), interval, count, about


def _notes(found: Explanation, each: TaskExplanation) -> list[str]:
    own = each.attribution
    gap = number(abs(own.gap), each.scale)
    more = "above" if own.gap > 0 else "below"
    said = [
        f"{found.b.label} is {gap} {more} {found.a.label}; the points above sum to that"
        if own.gap
        else "both values are the same",
        f"{own.shared:,} {each.unit}s are in both values"
        + (f", {own.only_a:,} in the first alone" if own.only_a else "")
        + (f", {own.only_b:,} in the second alone" if own.only_b else ""),
    ]
    if own.same_output is not None:
        differ = own.shared - own.same_output
        said.append("no answer differs" if not differ else f"{differ:,} of {own.shared:,} answers differ")
    if own.rescored is not None:
        judged, judge = (found.a, found.b) if own.rescored == "a" else (found.b, found.a)
        said.append(f"the answers of {judged.label} were scored as those of {judge.label} were")
    if len(each.due_to) > 1 and any(part.cause == "answers" and part.changed for part in own.parts):
        names = [name.replace("_", " ") for name in each.due_to[:_SHOWN]]
        said.append(
            f"how many of these points {', '.join(names[:-1])} and {names[-1]} are worth each, only asking again tells"
        )
    return [*said, *each.notes]


def _facts(found: Explanation, each: TaskExplanation) -> list[Table]:
    if not each.facts:
        return []
    rows = [(_name(fact), fact.a, fact.b, _where(fact, each)) for fact in each.facts]
    starts = frozenset(n for n in range(1, len(rows)) if each.facts[n].about != each.facts[n - 1].about)
    heads = ("setting", found.a.label, found.b.label, "where it differs")
    return [
        Table.of(
            heads, rows, left=4, always=3, breaks=starts, title=f"{each.task_b}: what was asked and scored otherwise"
        )
    ]


def _name(fact: Fact) -> str:
    return fact.name.replace("_", " ")


def _where(fact: Fact, each: TaskExplanation) -> str:
    if fact.samples is None:
        return ""
    points = "" if fact.points is None else f", whose answers are worth {signed_cell(fact.points, each.scale)} points"
    return f"{fact.samples:,} samples{points}"


def _examples(found: Explanation, each: TaskExplanation) -> list[Table]:
    rows = [
        (
            _WORDS[part.cause],
            example.id_b or example.id_a,
            _quoted(example.question),
            " | ".join(example.references[:3]),
            _quoted(example.output_a),
            _quoted(example.output_b),
            _score(example.score_a, each.scale),
            _score(example.score_b, each.scale),
        )
        for part in each.attribution.parts
        for example in part.examples
    ]
    if not rows:
        return []
    starts = frozenset(n for n in range(1, len(rows)) if rows[n][0] != rows[n - 1][0])
    said = [f"{run.label} said" for run in (found.a, found.b)]
    heads = ("cause", "sample", "asked", "right", *said, "before", "after")
    return [Table.of(heads, rows, left=6, always=2, breaks=starts, title=f"{each.task_b}: examples")]


def _quoted(text: str | None) -> str:
    if text is None:
        return ""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 80 else f"{flat[:80]}…")


def _score(value: float | None, scale: float) -> str:
    return "" if value is None else number(value, scale)
