"""What the gap between two runs is taken apart into: the two sides, the causes, and what each is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmbench.comparison.matching import How
from mmbench.core.metric import ONES, Metric
from mmbench.core.responses import Response
from mmbench.results.schema import AskedLine
from mmbench.stats import Difference

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

Cause = Literal[
    "samples",
    "failures",
    "references",
    "extraction",
    "metric",
    "questions",
    "truncation",
    "answers",
    "scoring and answers",
]
"""``samples``: only one run was asked them. ``failures``: one run failed on them, or refused. ``references``: what counts as right has
changed. ``extraction``: another answer was found in the same output. ``metric``: the same answer is worth something else. ``questions``:
the question has changed. ``truncation``: one run's answer was cut off. ``answers``: the model answered otherwise, by what was asked, the
model and how it decodes. ``scoring and answers``: the two metrics cannot be taken apart."""

CAUSES: tuple[Cause, ...] = (
    "samples",
    "failures",
    "references",
    "extraction",
    "metric",
    "questions",
    "truncation",
    "answers",
    "scoring and answers",
)
"""In the order in which the gap is walked along; a sample is in the first that fits among ``failures``, ``questions``, ``truncation`` and
``answers``, and among ``references``, ``extraction`` and ``metric``."""

FAILED = frozenset({"refused", "error", "timeout"})
"""Statuses of a response that failed, or declined to answer."""

Rescorer = Callable[[Sequence[int], Sequence[tuple[Response, ...]]], "Rescored | None"]
"""(units of the side, answers to them) → what the side's task gives for the answers; None where it cannot score them."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """What a task gives for answers, of the same side or of the other."""

    rows: Floats
    """float64 [n, d], what the side's metric reads."""
    counted: Mask
    """[n] whether the unit enters a value."""
    extracted: Sequence[str | None] | None
    """[n] the answers found; None where the task looks for none."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One task of one run as it is taken apart. All sequences have one entry for each unit."""

    metric: Metric
    """The metric."""
    rows: Floats
    """float64 [n, d], what the metric reads."""
    counted: Mask
    """[n] whether the unit enters the value."""
    clusters: Sequence[str]
    """[n] what errors cluster on."""
    asked: Sequence[AskedLine]
    """[n] what was asked; of a run whose data are not to be had the ids alone."""
    responses: Sequence[tuple[Response, ...]] | None
    """[n] what was answered; None where the answers are not kept."""
    extracted: Sequence[str | None] | None = None
    """[n] the answers that were found in the outputs; None where none are kept."""
    scoring: str = ""
    """How answers were scored beside the metric: extractor, its version and options."""
    data: str = ""
    """Fingerprint of the data."""
    rescore: Rescorer | None = None
    """Scores answers as this side does; None where its task cannot be built."""
    extractor: str = ""
    """Name of the extractor; empty where there is none, or another tool has its own."""
    with_extractor: Callable[[str], Rescorer | None] | None = None
    """Scores answers as this side does, but for another extractor; None where its task cannot be built."""

    @property
    def is_plain(self) -> bool:
        """Whether the metric is the plain mean of one score a unit."""
        return self.metric.is_mean and self.metric.columns[1] == ONES


@dataclass(frozen=True, slots=True)
class Example:
    """One sample of a cause."""

    id_a: str
    """Its id in the first run; empty where that was not asked it."""
    id_b: str
    """Its id in the second run."""
    question: str | None
    """The question, or the prompt."""
    references: tuple[str, ...]
    """What counts as right in the second run, or in the only one that was asked it."""
    output_a: str | None
    """What the first run answered."""
    output_b: str | None
    """What the second run answered."""
    score_a: float | None
    """What the first run gave for it before the step; None where it did not enter the value, or has no score of its own."""
    score_b: float | None
    """What the sample got after the step."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause is worth."""

    cause: Cause
    """Which cause."""
    points: float
    """By how much it moves the value from the first run's to the second's, in the metric's natural range."""
    samples: int
    """Samples that it touches."""
    changed: int
    """Samples, among those, whose score it changes; for ``samples`` and ``failures`` those that enter one value only, besides."""
    difference: Difference | None = None
    """The same with interval and p-value, over the samples that both runs were asked; None where samples come or go."""
    examples: tuple[Example, ...] = ()
    """The samples that it changes most."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the fields, of the difference its interval and p-value."""
        found = self.difference
        return {
            "cause": self.cause,
            "points": self.points,
            "low": None if found is None else found.low,
            "high": None if found is None else found.high,
            "p_value": None if found is None else found.p_value,
            "samples": self.samples,
            "changed": self.changed,
            "examples": [
                {name: getattr(each, name) for name in Example.__slots__} | {"references": list(each.references)}
                for each in self.examples
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """The gap between two runs on one task, cause by cause."""

    value_a: float
    """The first run's value, over all its samples."""
    value_b: float
    """The second run's."""
    parts: Sequence[Part]
    """Every cause that was looked at, in the order of `CAUSES`; points sum to the gap."""
    shared: int
    """Samples that enter both values."""
    only_a: int
    """Samples that only the first run was asked."""
    only_b: int
    """Samples that only the second run was asked."""
    same_output: int | None
    """Samples, among the shared, to which both answered the same; None where answers are not kept."""
    matched_by: How
    """How samples were matched."""
    rescored: Literal["a", "b"] | None
    """Whose answers were scored by the other's extractor and metric; None where that was not possible, so that scoring is told from
    answers only where both answered the same."""
    plain: bool
    """Whether both metrics are means of one score a sample, so that each sample has points of its own."""
    answer_points: Mapping[int, float] = field(default_factory=dict, repr=False)
    """Place of a pair among the shared samples to the points of its answers, where these are not 0 and `plain` is true."""
    pairs: Sequence[tuple[int, int]] = field(default=(), repr=False)
    """[shared] the units of both sides."""

    @property
    def gap(self) -> float:
        """B minus A."""
        return self.value_b - self.value_a

    def points(self, cause: Cause) -> float:
        """What a cause is worth; 0 where it does not occur."""
        return sum(part.points for part in self.parts if part.cause == cause)
