"""Attribute the gap between two runs to causes, so that the points of the causes sum to the gap.

The gap is walked along in a fixed order, and each step is worth what the value changes by: samples that only one run was asked, failures,
references, extraction, the metric's convention, questions, truncation, and last the answers themselves. Because every step begins where
the one before ended, the points sum to the gap whatever the metric is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mmbench.comparison.causes import CAUSES, Attribution, Cause, Example, Mask, Part, Side
from mmbench.comparison.matching import Matching
from mmbench.comparison.shared_samples import Walk, output_of
from mmbench.core.errors import NotComparableError
from mmbench.metrics.evaluate import point


def attribute(a: Side, b: Side, matching: Matching, *, examples: int = 0) -> Attribution:
    """Attribute the gap between two sides to causes.

    Args:
        a: The first run.
        b: The second run; the gap is its value minus the first's.
        matching: Which samples are the same.
        examples: How many samples each cause names at most.

    Returns:
        The parts, which sum to the gap.

    Raises:
        NotComparableError: If no sample enters both values, or a value is undefined.
    """
    pairs = [(i, j) for i, j in matching.pairs if a.counted[i] and b.counted[j]]
    if not pairs:
        raise NotComparableError(
            "the two runs share no sample that both scored: nothing sets their values apart sample by sample"
        )
    walk = Walk(a, b, pairs)
    steps, rescored = walk.steps()
    value_a, value_b = _value(a, a.counted), _value(b, b.counted)
    ends = _Ends(a, b, matching.pairs, pairs)
    outer = ends.parts(value_a, value_b, walk.first_value, walk.last_value, examples)
    parts = {part.cause: part for part in outer}
    for step in steps:
        part = walk.part(step, examples)
        parts[part.cause] = _joined(parts[part.cause], part, examples) if part.cause in parts else part
    if not np.isfinite([value_a, value_b, *(part.points for part in parts.values())]).all():
        raise NotComparableError(_undefined(a, value_a, b, value_b))
    ordered = _exact([parts[cause] for cause in CAUSES if cause in parts], value_b - value_a)
    same = walk.same
    return Attribution(
        value_a=value_a,
        value_b=value_b,
        parts=ordered,
        shared=len(pairs),
        only_a=ends.only_a,
        only_b=ends.only_b,
        same_output=None if same is None else int(same.sum()),
        matched_by=matching.how,
        rescored=rescored,
        plain=a.is_plain and b.is_plain,
        answer_points=walk.answer_points(steps),
        pairs=pairs,
    )


def _undefined(a: Side, value_a: float, b: Side, value_b: float) -> str:
    which = [
        f"{side.metric.id} of the {name} run"
        for side, value, name in ((a, value_a, "first"), (b, value_b, "second"))
        if not np.isfinite(value)
    ]
    named = " and ".join(which) or f"{b.metric.id} over the samples of both runs"
    return f"{named} is undefined, so there is no gap to take apart; another metric: --metric ID"


def _exact(parts: list[Part], gap: float) -> list[Part]:
    """The same parts, of which the largest takes up what rounding left between their sum and the gap."""
    rest = gap - sum(part.points for part in parts)
    if not rest or not parts:
        return parts
    largest = max(range(len(parts)), key=lambda n: abs(parts[n].points))
    return [replace(part, points=part.points + rest) if n == largest else part for n, part in enumerate(parts)]


def _joined(one: Part, other: Part, examples: int) -> Part:
    return replace(
        one,
        points=one.points + other.points,
        samples=one.samples + other.samples,
        changed=one.changed + other.changed,
        difference=other.difference if not one.changed else None,
        examples=(*one.examples, *other.examples)[:examples],
    )


def _value(side: Side, mask: Mask) -> float:
    rows = side.rows[mask]
    if not len(rows):
        return float("nan")
    codes = np.unique(np.asarray(side.clusters, dtype=object)[mask].astype(str), return_inverse=True)[1]
    return point(side.metric, rows, codes.astype(np.int64, copy=False)) + 0.0


class _Ends:
    """Samples that enter one value only: those that the other run was not asked, and those on which it failed."""

    def __init__(self, a: Side, b: Side, matched: Sequence[tuple[int, int]], shared: Sequence[tuple[int, int]]) -> None:
        self._sides = a, b
        places = ([i for i, _ in matched], [j for _, j in matched]), ([i for i, _ in shared], [j for _, j in shared])
        self._matched, self._shared = (
            [_mask(len(side.counted), own) for side, own in zip((a, b), both, strict=True)] for both in places
        )
        self.only_a, self.only_b = (
            int((side.counted & ~mask).sum()) for side, mask in zip((a, b), self._matched, strict=True)
        )

    def parts(self, value_a: float, value_b: float, first: float, last: float, examples: int) -> Iterator[Part]:
        """The causes ``samples`` and ``failures``; `first` and `last` are the values over the shared samples."""
        asked = [_value(side, side.counted & mask) for side, mask in zip(self._sides, self._matched, strict=True)]
        alone = [side.counted & ~mask for side, mask in zip(self._sides, self._matched, strict=True)]
        failed = [
            side.counted & mask & ~both
            for side, mask, both in zip(self._sides, self._matched, self._shared, strict=True)
        ]
        yield self._part("samples", (asked[0] - value_a) + (value_b - asked[1]), alone, examples)
        yield self._part("failures", (first - asked[0]) + (asked[1] - last), failed, examples)

    def _part(self, cause: Cause, points: float, masks: Sequence[Mask], examples: int) -> Part:
        count = int(masks[0].sum() + masks[1].sum())
        found = [self._example(n, place) for n in (0, 1) for place in np.flatnonzero(masks[n])[:examples].tolist()]
        return Part(cause, points if count else 0.0, count, count, None, tuple(found[:examples]))

    def _example(self, n: int, place: int) -> Example:
        side = self._sides[n]
        line, output = side.asked[place], output_of(side, place)
        score = float(side.rows[place, 0]) if side.is_plain else None
        own = (line.id, "") if n == 0 else ("", line.id)
        outputs, scores = ((output, None), (score, None)) if n == 0 else ((None, output), (None, score))
        return Example(*own, line.question or line.prompt, line.references, *outputs, *scores)


def _mask(count: int, places: Sequence[int]) -> Mask:
    found = np.zeros(count, dtype=np.bool_)
    found[np.asarray(places, dtype=np.int64)] = True
    return found
