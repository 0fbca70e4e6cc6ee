"""Comparisons of runs as tables: differences with their certainty, what does not compare, every pair, what flipped."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.analysis.joins import Mismatch, shown
from mmbench.comparison.bounds import ALPHA
from mmbench.comparison.differences import Comparison, MetricDifference
from mmbench.comparison.explain import Explained
from mmbench.comparison.flips import Flip
from mmbench.comparison.matrix import Matrix, PairDifference
from mmbench.reporting.cells import count_cell, share_cell, value_cell
from mmbench.reporting.predictions import MOST_LABELS
from mmbench.reporting.table import Cell, Table
from mmbench.reporting.text import number, signed
from mmbench.results.run import Run
from mmbench.stats import Correction

_TITLES = ("difference", "95 % interval", "p", "detectable", "better", "worse", "n", "coverage")
_LEGEND = (
    "difference: the second run minus the first, over the samples that both answered; detectable: a true difference of that size "
    "is found 8 times in 10"
)
SEED_SHARE = "from seeds"
"""Heading of the share of the variance that seeds add."""
SEEDS = (
    "over seeds: differences of means over seeds; samples and seeds are both drawn at random, and from seeds is the share of the variance "
    "that the seeds add, which more samples would not lower"
)
"""What a comparison over seeds means."""
OVERTURNED = "†"
"""Mark of bounds at one of which what was found would not hold."""
BOUNDS = (
    "bounds: the difference if every truncated, unparsed, refused and failed answer of one run were wrong and of the other right, "
    "over all samples that both were asked"
)
"""What the bounds of a difference mean."""
_OVERTURNS = f"{OVERTURNED}: at one of its bounds another run would lead significantly, or none where one does"
_CORRECTED = {"holm": "Holm", "fdr_bh": "Benjamini-Hochberg"}
_WIDTH = 60
"""Characters of a text from a sample that a table shows."""
_LONG = 60
"""Characters of a fact in a note."""


def p_text(p: float | None) -> str:
    """A p-value with three decimals.

    >>> p_text(0.0004), p_text(0.0312), p_text(None)
    ('<0.001', '0.031', 'n/a')
    """
    if p is None:
        return "n/a"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _interval(found: MetricDifference) -> Cell:
    low, high = found.difference.low, found.difference.high
    text = "n/a" if low is None else f"[{signed(low, found.scale)}, {signed(high, found.scale)}]"
    return Cell(text, None, low, high, note=found.difference.reason)


def _bounds(found: MetricDifference) -> Cell:
    """The bounds of a difference, with a mark where one of them overturns it."""
    if found.bounds is None:
        return Cell()
    low, high = found.bounds.low.value, found.bounds.high.value
    mark = OVERTURNED if found.bounds.overturns(found.difference) else ""
    return Cell(f"[{signed(low, found.scale)}, {signed(high, found.scale)}]{mark}", None, low, high)


def _bounds_notes(found: Sequence[MetricDifference]) -> list[str]:
    """What bounds mean, and what the mark beside them does, where there are any."""
    there = [each.bounds for each in found if each.bounds is not None]
    overturned = any(each.bounds.overturns(each.difference) for each in found if each.bounds is not None)
    return [*([BOUNDS] if there else []), *([_OVERTURNS] if overturned else [])]


def difference_tables(comparison: Comparison, *, every: bool = False, most: int | None = MOST_LABELS) -> list[Table]:
    """A table for each task that compares, then one for each slice name, then one for each task that does not.

    `every`: all metrics; else the primary ones, and those that a user asked for have no others beside them. `most`: how many labels of a
    slice name are shown; None for all.
    """
    tables: list[Table] = []
    for task in dict.fromkeys(each.task for each in comparison.metrics):
        found = [each for each in comparison.metrics if each.task == task]
        kept = [each for each in found if every or each.primary] or found
        legend = () if tables else (_LEGEND,)
        tables.append(_of_task(comparison, task, kept, (*legend, *_left_out(len(found) - len(kept)))))
        tables += _of_slices(comparison, task, most)
    return tables + [
        refused_table(task, comparison.a, comparison.b, found) for task, found in comparison.refused.items()
    ]


def _titles(comparison: Comparison, first: str, heads: Sequence[str]) -> tuple[str, ...]:
    return first, comparison.a.label, comparison.b.label, *heads


def _heads(found: Sequence[MetricDifference], correction: Correction) -> tuple[str, ...]:
    """Headings of what `_row` gives from the difference on."""
    several = correction != "none" and any(each.family > 1 for each in found)
    heads = (*_TITLES[:3], p_adjusted_title(correction), *_TITLES[3:]) if several else _TITLES
    heads = (*heads, SEED_SHARE) if any(each.seed_share is not None for each in found) else heads
    return (*heads, "bounds") if any(each.bounds for each in found) else heads


def p_adjusted_title(correction: Correction) -> str:
    """The heading of corrected p-values."""
    return f"p ({_CORRECTED[correction]})" if correction != "none" else "p"


def _family_notes(found: Sequence[MetricDifference], correction: Correction) -> list[str]:
    """What the p-values of one table were corrected for; that they were not, where there are several."""
    family = max((each.family for each in found), default=0)
    if family < 2:
        return []
    if correction == "none":
        return [f"the {family} p-values are not corrected for how many there are (--correction)"]
    name = p_adjusted_title(correction)
    return [f"{name}: corrected for the {family} p-values of this table; intervals and p are of one comparison each"]


def _row(first: str, found: MetricDifference, heads: Sequence[str]) -> tuple[Cell, ...]:
    means_nothing = found.changed > 0 == found.gained + found.lost  # for a single unit: a correlation, say
    return (
        Cell(first),
        value_cell(found.a.value, found.scale),
        value_cell(found.b.value, found.scale),
        Cell(signed(found.difference.value, found.scale), found.difference.value),
        _interval(found),
        Cell(p_text(found.difference.p_value), found.difference.p_value),
        *([Cell(p_text(found.p_adjusted), found.p_adjusted)] if any(head.startswith("p (") for head in heads) else []),
        value_cell(found.mde, found.scale),
        *(Cell("n/a") if means_nothing else count_cell(count) for count in (found.better, found.worse)),
        count_cell(found.difference.n),
        share_cell(found.coverage),
        *([Cell() if found.seed_share is None else share_cell(found.seed_share)] if SEED_SHARE in heads else []),
        *([_bounds(found)] if "bounds" in heads else []),
    )


def _of_task(comparison: Comparison, task: str, found: Sequence[MetricDifference], notes: Sequence[str]) -> Table:
    entries = ((side.label, side.tasks[task].entry) for side in (comparison.a, comparison.b))
    parts = [f"{label}: {entry.reason}" for label, entry in entries if entry.reason and entry.status == "complete"]
    notes = [*parts, *(text for each in found for text in _said(each, comparison)), *notes]
    title = f"{task}: {comparison.b.label} against {comparison.a.label}"
    heads = _heads(found, comparison.correction)
    rows = [_row(each.id, each, heads) for each in found]
    notes += [*_family_notes(found, comparison.correction), *_bounds_notes(found)]
    notes += [SEEDS] if comparison.seeds is not None else []
    return Table.of(_titles(comparison, "metric", heads), rows, notes=tuple(dict.fromkeys(notes)), title=title)


def _left_out(count: int) -> tuple[str, ...]:
    return (f"{count} more metric{'s' * (count > 1)}: --all",) if count else ()


def _said(found: MetricDifference, comparison: Comparison) -> list[str]:
    """What must be known beside a difference."""
    notes = _why(found, found.id, comparison)
    outside = [
        f"{count:,} failed {where}"
        for count, where in (
            (found.only_a, f"in {comparison.b.label} alone"),
            (found.only_b, f"in {comparison.a.label} alone"),
            (found.neither, "in both"),
        )
        if count
    ]
    if outside:
        notes.append(f"outside the comparison, of unit {found.unit}: {', '.join(outside)}")
    if found.silent[2]:
        a, b, either = (f"{count:,}" for count in found.silent)
        notes.append(
            f"{found.id}: over the {found.difference.n:,} samples that both answered; without {either} to which "
            f"{comparison.a.label} ({a}) or {comparison.b.label} ({b}) gave no answer that it could read"
        )
    return notes


def _why(found: MetricDifference, name: str, comparison: Comparison) -> list[str]:
    """Why there is no difference, no interval or no value."""
    sides = ((comparison.a.label, found.a), (comparison.b.label, found.b))
    told = found.difference.value is None and any(value.value is None and value.reason for _, value in sides)
    reason = None if told else found.difference.reason
    return [
        *([f"{name}: {reason}"] if reason else []),
        *(f"{name}, {label}: {value.reason}" for label, value in sides if value.reason and value.reason != reason),
    ]


def _of_slices(comparison: Comparison, task: str, most: int | None) -> list[Table]:
    """A table for each slice name and metric."""
    groups: dict[tuple[str, str], list[MetricDifference]] = {}
    for each in comparison.slices:
        if each.task == task and each.slice is not None:
            groups.setdefault((each.slice[0], each.id), []).append(each)
    tables = []
    for (name, metric), found in groups.items():
        parts = [(each.slice[1], each) for each in found[:most] if each.slice is not None]
        heads = _heads([each for _, each in parts], comparison.correction)
        rows = [_row(label, each, heads) for label, each in parts]
        undefined = [(label, each) for label, each in parts if each.difference.value is None]
        notes = [text for label, each in undefined for text in _why(each, label, comparison)]
        notes.append("p-values of slices are not corrected for how many there are")
        if len(found) > len(parts):
            notes.append(f"{len(found) - len(parts):,} more labels: --json, --format csv")
        title = f"{task} by {name}: {metric}"
        notes += _bounds_notes([each for _, each in parts])
        tables.append(Table.of(_titles(comparison, name, heads), rows, notes=tuple(notes), title=title))
    return tables


def refused_table(task: str, a: Run, b: Run, found: Sequence[Mismatch]) -> Table:
    """What keeps two runs from being compared on a task."""
    rows = [(each.field, *_differing(shown(each.a), shown(each.b))) for each in found]
    return Table.of(("what differs", a.label, b.label), rows, left=3, title=f"{task}: not comparable")


def _differing(a: str, b: str) -> tuple[str, str]:
    """Two texts as a table shows them: long ones from shortly before the place where they begin to differ.

    >>> _differing("Say it. " * 10 + "Why?", "Say it. " * 10 + "How?")
    ('…it. Say it. Say it. Why?', '…it. Say it. Say it. How?')
    """
    start = 0
    if max(len(a), len(b)) > _WIDTH:
        same = next((n for n, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))
        start = max(0, same - _WIDTH // 3)
    first, second = (f"{'…' if start else ''}{text[start:]}" for text in (a, b))
    return _cut(first), _cut(second)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def lacking(comparison: Comparison) -> list[str]:
    """A sentence for each task that one side lacks, or metrics of it, each that differs in what was allowed, and other seeds."""
    lacks = [f"{task}: {text}" for task, text in comparison.missing.items()]
    differ = [
        f"{task}: compared although they differ in {'; '.join(map(_short, found))} (--allow)"
        for task, found in comparison.allowed.items()
    ]
    a, b = comparison.a, comparison.b
    seeds = [
        f"{b.label} has seed {b.seed} and {a.label} seed {a.seed}: what chance in training or sampling changes is in the differences, too"
    ]
    return [*differ, *lacks, *(seeds if a.seed != b.seed and comparison.seeds is None else [])]


def _short(mismatch: Mismatch) -> str:
    """A mismatch in which long facts, such as the templates of a prompt, are cut."""
    sides = [shown(side) for side in (mismatch.a, mismatch.b)]
    cut = [side if len(side) <= _LONG else f"{side[:_LONG]}…" for side in sides]
    return f"{mismatch.field}: {cut[0]} against {cut[1]}"


def explained_table(a: Run, b: Run, found: Sequence[Explained]) -> Table:
    """Every difference between two runs that is no result."""
    sections = [each.section for each in found]
    starts = frozenset(n for n in range(len(found)) if not n or sections[n] != sections[n - 1])
    rows = [
        (each.section if n in starts else "", each.name, *_differing(each.a, each.b)) for n, each in enumerate(found)
    ]
    title = f"What sets {b.label} apart from {a.label}"
    return Table.of(("", "what", a.label, b.label), rows, left=4, breaks=starts - {0}, title=title)


# --- three runs and more ---


def matrix_tables(matrix: Matrix, *, every: bool = False) -> list[Table]:
    """For each metric of each task a matrix of differences, row minus column, and below it every pair in detail."""
    tables = []
    compared = matrix.metrics
    primary = [key for key in compared if any(each.found.primary for each in matrix.pairs(*key))]
    for task, metric in compared if every or not primary else primary:
        pairs = matrix.pairs(task, metric)
        tables += [_matrix(matrix, task, metric, pairs), _pairs(matrix, task, metric, pairs)]
    for (i, j), refused in matrix.refused.items():
        tables += [refused_table(task, matrix.runs[i], matrix.runs[j], found) for task, found in refused.items()]
    return tables


def _matrix(matrix: Matrix, task: str, metric: str, pairs: Sequence[PairDifference]) -> Table:
    cells: dict[tuple[int, int], str] = {}
    for each in pairs:
        value, scale = each.found.difference.value, each.found.scale
        p = each.found.p_adjusted
        mark = "*" if p is not None and p <= ALPHA else ""
        cells[each.b, each.a] = signed(value, scale) + mark
        cells[each.a, each.b] = signed(None if value is None else -value, scale) + mark
    places = [n for n in range(len(matrix.runs)) if any(n in key for key in cells)]
    scale = pairs[0].found.scale
    rows = []
    for n in places:
        own = matrix.runs[n].tasks[task].metrics[metric].value
        rows.append((matrix.runs[n].label, number(own, scale), *(cells.get((n, m), "") for m in places)))
    heads = ("row minus column", "value", *(matrix.runs[m].label for m in places))
    how = _CORRECTED.get(matrix.correction)
    after = f"corrected for the {len(pairs)} pairs ({how})" if how else f"not corrected for the {len(pairs)} pairs"
    notes = (f"*: p at most {ALPHA:g}, {after}",)
    return Table.of(heads, rows, notes=notes, title=f"{task}: {metric}")


def _pairs(matrix: Matrix, task: str, metric: str, pairs: Sequence[PairDifference]) -> Table:
    every = [each.found for each in pairs]
    heads = _heads(every, matrix.correction)
    rows: list[tuple[Cell | str, ...]] = []
    for each in pairs:
        name = f"{matrix.runs[each.b].label} against {matrix.runs[each.a].label}"
        rows.append((name, *_row("", each.found, heads)[3:]))
    notes = (*_family_notes(every, matrix.correction), *_bounds_notes(every))
    return Table.of(("pair", *heads), rows, notes=notes, title=f"{task}: {metric}, every pair")


# --- what flipped ---


def flip_table(a: Run, b: Run, task: str, metric: str, found: Sequence[Flip]) -> Table:
    """The units that differ most. Texts are quoted, and what does not print in them is escaped."""
    rows = [
        (
            each.id,
            "better" if each.better else "worse",
            _score(each.score_a),
            _score(each.score_b),
            _quoted(each.answer_a),
            _quoted(each.answer_b),
            " | ".join(map(_quoted, each.references)),
            _quoted(each.question),
            shown(each.picture) if each.picture else "",
        )
        for each in found
    ]
    both = (f"{a.label} got", f"{b.label} got", f"{a.label} said", f"{b.label} said")
    titles = ("sample", "", *both, "right", "asked", "picture")
    return Table.of(titles, rows, left=len(titles), always=2, title=f"{task}: what differs most by {metric}")


def _score(value: float | None) -> str:
    return "" if value is None else f"{value + 0.0:.4g}"


def _quoted(text: str | None) -> str:
    if text is None:
        return ""
    return repr(_cut(text))
