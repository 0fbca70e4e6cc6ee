"""The metrics of retrieval over tables of queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mmbench.core.metric import ONES, Metric
from mmbench.metrics.declare import Given, MetricMaker, metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Ties = Literal["expected", "optimistic", "pessimistic"]
"""``expected``: the mean over uniformly random orders; ``optimistic``: positives before whatever ties with them;
``pessimistic``: after it."""
TIES: tuple[Ties, ...] = ("expected", "optimistic", "pessimistic")
"""All of them, the default first."""
Protocol = Literal["all", "1k"]
PROTOCOLS: Mapping[Protocol, str] = {"all": "all", "1k": "1k-5fold"}
"""Each protocol with its name in the ids of metrics, where the default is left out."""
KS = (1, 5, 10)
"""The cut-offs of the field."""

_CONVENTION = "(direction=…,protocol=[all]|1k-5fold,ties=[expected]|optimistic|pessimistic)"
_TIES = "ties: expected value over uniformly random orders unless the id says otherwise"
_RANK: Mapping[str, Any] = {"bounds": (1.0, None), "scale": 1.0, "higher_is_better": False}


def _columns(column: str) -> Callable[[Given], tuple[str, ...]]:
    """A column and what its sum is divided by, under each protocol."""

    def columns(given: Given) -> tuple[str, ...]:
        name = column.format_map(given)
        return (name, ONES) if given["protocol"] == "all" else (f"{name}*weight", "weight")

    return columns


hit_rate = MetricMaker(
    f"hit_rate@k{_CONVENTION}",
    description="Share of the queries with at least one right item among the first k. For images with several captions this is "
    "what the literature calls recall@k.",
    columns=_columns("hit@{k}"),
    formula="mean over queries of 1 - C(t - p, r) / C(t, r), r = min(max(k - g, 0), t)",
    source=f"Karpathy and Fei-Fei 2015; {_TIES}",
    unit="query_{direction}",
)
recall = MetricMaker(
    f"recall@k{_CONVENTION}",
    description="Share of a query's right items that are among the first k, averaged over queries. With one right item a query "
    "it equals hit_rate@k.",
    columns=_columns("recall@{k}"),
    formula="mean over queries of the mean over right items of min(max((k - g) / t, 0), 1)",
    source=f"information retrieval; {_TIES}",
    unit="query_{direction}",
)
ndcg = MetricMaker(
    f"ndcg@k{_CONVENTION}",
    description="Normalised discounted cumulative gain of the first k: what right items are worth at their ranks, among what they "
    "could be worth.",
    columns=_columns("ndcg@{k}"),
    formula="mean over queries of sum of 1 / log2(1 + rank) over right items / the same of the best ranking",
    source=f"Järvelin and Kekäläinen 2002, binary relevance; {_TIES}",
    unit="query_{direction}",
)
mean_rank = MetricMaker(
    f"mean_rank{_CONVENTION}",
    description="Mean over queries of the expected rank of the first right item, counted from 1.",
    columns=_columns("rank"),
    formula="mean over queries of g + (t + 1) / (p + 1)",
    source=_TIES,
    unit="query_{direction}",
    **_RANK,
)
mrr = MetricMaker(
    f"mrr{_CONVENTION}",
    description="Mean over queries of the reciprocal rank of the first right item.",
    columns=_columns("rr"),
    formula="mean over queries of 1 / rank",
    source=f"Voorhees 1999, TREC-8; {_TIES}",
    unit="query_{direction}",
)
pair_metric = MetricMaker(
    "pair_accuracy(direction=…)",
    description="Share of the pairs of which both queries score their own item above the other's.",
    columns=("pair", ONES),
    formula="mean over pairs of the probability that both are right",
    source="for t2i the image score of Winoground (Thrush et al. 2022); ties: expected value over random orders",
    unit="pair_{direction}",
)

winoground = MetricMaker(
    "winoground(score=text|image|group)",
    description="Share of the squares of two images and two captions where each image is strictly closer to its own caption (text), each "
    "caption to its own image (image), or both (group). A tie is wrong.",
    columns=("{score}", ONES),
    formula="squares that are right / squares",
    source="Thrush et al. 2022, Winoground",
)


@metric(
    f"median_rank{_CONVENTION}",
    columns=lambda given: ("rank",) if given["protocol"] == "all" else ("rank", "fold"),
    formula="median over queries of the rank; of five folds the mean of their medians",
    source=f"Karpathy and Fei-Fei 2015; {_TIES}",
    unit="query_{direction}",
    **_RANK,
)
def median_rank(rows: Floats, weights: Floats, *, protocol: str = "all") -> Floats:
    """Median over queries of the expected rank of the first right item, counted from 1.

    Args:
        rows: float64 [n, 1] of ranks, or [n, 2] of ranks and folds where the protocol has folds.
        weights: float64 [b, n].
        protocol: One of the values of `PROTOCOLS`.

    Returns:
        float64 [b].

    Example:
        >>> import numpy as np
        >>> median_rank(direction="t2i").compute(np.array([[1.0], [2.0], [9.0]]), np.ones((1, 3))).tolist()
        [2.0]
    """
    from mmbench.metrics.formulas import weighted_median
    from mmbench.metrics.retrieval.protocols import folded_median

    return weighted_median(rows, weights) if protocol == "all" else folded_median(rows, weights)


def retrieval_metrics(
    direction: str, ks: Sequence[int] = KS, *, ties: Ties = "expected", protocol: Protocol = "all"
) -> list[Metric]:
    """Make the metrics of one direction over the table ``query_<direction>``, whose columns `query_columns` makes.

    Args:
        direction: Such as ``i2t`` (an image asks for its captions) or ``t2i``.
        ks: The cut-offs of hit rate and recall; nDCG is that of the last.
        ties: As the columns were made.
        protocol: ``all``, or ``1k`` for tables with the columns of `folded_columns`.

    Raises:
        ValueError: If a direction or a cut-off cannot stand in a metric's id.
        UnknownNameError: If there is no such convention.

    Example:
        >>> [str(metric.id) for metric in retrieval_metrics("i2t", ks=(1,))]  # doctest: +NORMALIZE_WHITESPACE
        ['hit_rate@1(direction=i2t)', 'recall@1(direction=i2t)', 'ndcg@1(direction=i2t)',
         'median_rank(direction=i2t)', 'mean_rank(direction=i2t)', 'mrr(direction=i2t)']
    """
    shared = {"direction": direction, "ties": ties, "protocol": PROTOCOLS.get(protocol, protocol)}
    at = [maker(k=k, **shared) for maker in (hit_rate, recall) for k in ks] + [ndcg(k=k, **shared) for k in ks[-1:]]
    return [*at, *(maker(**shared) for maker in (median_rank, mean_rank, mrr))]
