"""The metrics that exist, as text for people. Importing it loads no numpy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricCard:
    """One metric, or one family of metrics that differ in a cut-off or a direction."""

    pattern: str
    """The id, with ``k`` for a cut-off and ``…`` for the value of a parameter."""
    description: str
    """What it measures, in one or two sentences."""
    higher_is_better: bool
    """Direction."""
    range: str
    """Natural range, in words or as an interval."""
    reference: str
    """Source of the formula or of the convention."""
    target: str
    """``module:attribute`` of the function that makes the metric."""


_FORMULAS = "mmbench.metrics.formulas"
_RETRIEVAL = "mmbench.metrics.retrieval:retrieval_metrics"
_TIES = "ties: expected value over uniformly random orders"

CATALOG: tuple[MetricCard, ...] = (
    MetricCard(
        pattern="accuracy",
        description="Share of the answers that are right; an output without an answer counts as wrong.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over samples",
        target=f"{_FORMULAS}:mean_metric",
    ),
    MetricCard(
        pattern="block_accuracy",
        description="Share of the Latin-square blocks, K pictures × K questions, on which every answer is right.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over blocks; ties: probability that all are right, each broken at random by itself",
        target=f"{_FORMULAS}:mean_metric",
    ),
    MetricCard(
        pattern="hit_rate@k(direction=…)",
        description="Share of the queries with at least one right item among the first k. "
        "For pictures with several captions this is what the literature calls recall@k.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="recall@k(direction=…)",
        description="Share of a query's right items that are among the first k, averaged over queries. "
        "With one right item a query it equals hit_rate@k.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="median_rank(direction=…)",
        description="Median over queries of the expected rank of the first right item, counted from 1.",
        higher_is_better=False,
        range="[1, size of the gallery]",
        reference=f"median over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="mrr(direction=…)",
        description="Mean over queries of the reciprocal rank of the first right item.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="pair_accuracy(direction=…)",
        description="Share of the pairs of which both queries score their own item above the other's.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over pairs; for t2i the image score of Winoground (Thrush et al. 2022); {_TIES}",
        target="mmbench.metrics.retrieval:pair_metric",
    ),
)
"""Every metric of this package, as tasks offer them."""
