"""The metrics of retrieval over tables of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mmbench.core.ids import MetricId
from mmbench.core.metric import Metric
from mmbench.metrics.formulas import mean_metric, median_metric, ratio
from mmbench.metrics.retrieval.expected import KS, TIES, Ties
from mmbench.metrics.retrieval.protocols import PROTOCOLS, Protocol, folded_median

_REFERENCE = {
    "expected": "ties: expected value over uniformly random orders",
    "optimistic": "ties: right items before whatever ties with them",
    "pessimistic": "ties: right items after whatever ties with them",
}


def metric_id(
    name: str, direction: str, k: int | None = None, *, ties: Ties = "expected", protocol: Protocol = "all"
) -> MetricId:
    """The id of a metric with its convention; the defaults are not named.

    Raises ValueError for a direction or a k that cannot stand in it, and for an unknown convention.

    >>> str(metric_id("recall", "t2i", 5, ties="optimistic", protocol="1k"))
    'recall@5(direction=t2i,protocol=1k-5fold,ties=optimistic)'
    """
    if ties not in TIES or protocol not in PROTOCOLS:
        raise ValueError(f"ties {ties!r}, protocol {protocol!r}: expected {TIES} and {tuple(PROTOCOLS)}")
    params = [("direction", direction)]
    params += [("protocol", PROTOCOLS[protocol])] if PROTOCOLS[protocol] else []
    params += [("ties", ties)] if ties != TIES[0] else []
    return MetricId(name, k, tuple(params))


def retrieval_metrics(
    direction: str, ks: Sequence[int] = KS, *, ties: Ties = "expected", protocol: Protocol = "all"
) -> list[Metric]:
    """The metrics of one direction over the table ``query_<direction>``, whose columns `query_columns` makes.

    ``hit_rate@k`` is the share of the queries with a right item among the first k, ``recall@k`` the mean share of a
    query's right items that are; ranks are those of the first right item, from 1.

    Parameters: `direction`, such as ``i2t`` (a picture asks for its captions) or ``t2i``; `ties`, as the columns were
    made; `protocol`, ``all``, or ``1k`` for tables with the columns of `folded_columns`. Raises ValueError for a
    direction or a k that cannot stand in a metric's id, and for an unknown convention.

    >>> [str(metric.id) for metric in retrieval_metrics("i2t", ks=(1,))]  # doctest: +NORMALIZE_WHITESPACE
    ['hit_rate@1(direction=i2t)', 'recall@1(direction=i2t)', 'median_rank(direction=i2t)',
     'mean_rank(direction=i2t)', 'mrr(direction=i2t)']
    """
    unit = f"query_{direction}"
    reference = _REFERENCE.get(ties, "")

    def named(name: str, k: int | None = None) -> str:
        return str(metric_id(name, direction, k, ties=ties, protocol=protocol))

    def mean(name: str, column: str, scale: float = 100.0) -> Metric:
        if protocol == "all":
            return mean_metric(name, unit, column, reference=reference, scale=scale)
        return _folded_mean(name, unit, column, reference, scale)

    hits = [mean(named("hit_rate", k), f"hit@{k}") for k in ks]
    recalls = [mean(named("recall", k), f"recall@{k}") for k in ks]
    if protocol == "all":
        median = median_metric(named("median_rank"), unit, "rank", reference=reference)
    else:
        median = Metric(
            id=MetricId.parse(named("median_rank")),
            unit=unit,
            columns=("rank", "fold"),
            compute=folded_median,
            higher_is_better=False,
            bounds=(1.0, None),
            scale=1.0,
            reference=f"mean over folds of the median; {reference}",
        )
    return [*hits, *recalls, median, _lower(mean(named("mean_rank"), "rank", 1.0)), mean(named("mrr"), "rr", 100.0)]


def _folded_mean(name: str, unit: str, column: str, reference: str, scale: float) -> Metric:
    return Metric(
        id=MetricId.parse(name),
        unit=unit,
        columns=(f"{column}*weight", "weight"),
        formula=ratio,
        is_mean=True,
        scale=scale,
        reference=f"mean over folds; {reference}",
    )


def _lower(metric: Metric) -> Metric:
    """The metric as one of ranks: lower is better, from 1 up."""
    return replace(metric, higher_is_better=False, bounds=(1.0, None))
