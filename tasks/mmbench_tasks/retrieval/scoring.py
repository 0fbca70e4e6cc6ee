"""From embeddings to the two tables of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core import ONES, Metric, Response, Sample, ScoreStatus, ScoreTable, slices_of
from mmbench.metrics import (
    RankCounts,
    Relevant,
    Ties,
    chance_counts,
    folded_columns,
    merge_tables,
    query_columns,
    rank_both,
    rank_late,
)

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Embeddings of m items of one kind, which may be queries or gallery."""

    noun: str
    """What an item is, for people."""
    ids: Sequence[str]
    """[m] the id of each as a query."""
    clusters: Sequence[str]
    """[m] what errors cluster on."""
    vectors: Floats32 | Sequence[Floats32]
    """float32 [m, d]: rows of norm 1; of a model that gives several vectors (late interaction), float32 [n_i, d] for each
    item, as they came; whatever where the item failed."""
    problems: Sequence[str | None]
    """[m] what is wrong with the item's response; None where nothing is."""
    slices: Mapping[str, Sequence[str]]
    """Name to [m] labels, as in `ScoreTable`."""

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which items did not fail: bool [m]."""
        return np.array([problem is None for problem in self.problems], dtype=bool)


def score_tables(
    samples: Sequence[Sample],
    responses: Sequence[Sequence[Response]],
    ks: Sequence[int],
    ties: Ties = "expected",
    *,
    normalise: bool = True,
) -> dict[str, ScoreTable]:
    """Score embeddings in both directions; see `RetrievalTask.score`.

    Parameters: `responses[i]` answers for the picture of `samples[i]`, then for its captions in their order; `ks`, the
    cut-offs; `ties`, the rule for ties; `normalise` as in `embed`. Raises ValueError when their numbers do not fit.
    """
    for sample, answered in zip(samples, responses, strict=True):
        if len(answered) != len(sample.parts):
            raise ValueError(f"sample {sample.id!r}: {len(answered)} responses for {len(sample.parts)} requests")
    everything = [response for answered in responses for response in answered]
    dim, late = usual_length(everything), is_late(everything)
    embed_all = embed_late if late else partial(embed, normalise=normalise)
    clusters = [sample.cluster for sample in samples]
    labels = slices_of(samples)
    vectors, problems = embed_all([answered[0] for answered in responses], dim)
    images = Embedded("picture", [sample.id for sample in samples], clusters, vectors, problems, labels)
    vectors, problems = embed_all([response for answered in responses for response in answered[1:]], dim)
    owners = np.repeat(np.arange(len(samples)), [len(sample.parts) - 1 for sample in samples])
    captions = Embedded(
        "caption",
        [f"{sample.id}/{n}" for sample in samples for n in range(len(sample.parts) - 1)],
        [clusters[owner] for owner in owners],
        vectors,
        problems,
        {name: [column[owner] for owner in owners] for name, column in labels.items()},
    )
    each = np.arange(len(owners))
    i2t, t2i = _Way(images, captions, (owners, each)), _Way(captions, images, (each, owners))
    counts: tuple[RankCounts, RankCounts] | tuple[None, None] = (None, None)
    if i2t.asked.any() or t2i.asked.any():
        sides, relevant = (_rows(images), _rows(captions)), (i2t.relevant(), t2i.relevant())
        counts = _ranked_late(sides, relevant, normalise=normalise) if late else rank_both(*sides, *relevant)
    found = {"query_i2t": (i2t, counts[0]), "query_t2i": (t2i, counts[1])}
    return {unit: way.table(unit, ranked, ks, ties) for unit, (way, ranked) in found.items()}


def folded_tables(
    samples: Sequence[Sample],
    responses: Sequence[Sequence[Response]],
    ks: Sequence[int],
    ties: Ties = "expected",
    *,
    normalise: bool = True,
) -> dict[str, ScoreTable]:
    """`score_tables` of each fold by itself, joined, with the columns of `folded_columns`; ``meta["fold"]`` says which."""
    folds: dict[int, list[int]] = {}
    for place, sample in enumerate(samples):
        folds.setdefault(sample.meta["fold"], []).append(place)
    parts = [
        score_tables([samples[n] for n in places], [responses[n] for n in places], ks, ties, normalise=normalise)
        for places in folds.values()
    ]
    tables = {}
    for unit in ("query_i2t", "query_t2i"):
        table = merge_tables([part[unit] for part in parts])
        numbers = [fold for fold, part in zip(folds, parts, strict=True) for _ in part[unit].unit_ids]
        scored = np.array([status == "scored" for status in table.status], dtype=bool)
        columns = {name: np.asarray(column, dtype=np.float64) for name, column in table.columns.items()}
        tables[unit] = replace(table, columns=folded_columns(columns, numbers, scored))
    return tables


def embed(responses: Sequence[Response], dim: int, *, normalise: bool = True) -> tuple[Floats32, list[str | None]]:
    """Stack vectors of length `dim` and bring them to norm 1, unless `normalise` is False.

    Returns: float32 [m, dim], and for each response what is wrong with it or None.
    """
    vectors = np.zeros((len(responses), dim), dtype=np.float32)
    problems: list[str | None] = []
    with np.errstate(over="ignore"):
        for row, response in enumerate(responses):
            problem = _problem(response, dim)
            if problem is None:
                vectors[row] = response.output
            problems.append(problem)
    for row in np.flatnonzero(~np.isfinite(vectors).all(axis=1)).tolist():
        problems[row] = problems[row] or "the embedding holds NaN or infinite numbers"
        vectors[row] = 0
    largest = np.maximum(vectors.max(axis=1, initial=0), -vectors.min(axis=1, initial=0))
    for row in np.flatnonzero(largest == 0).tolist():
        problems[row] = problems[row] or "the embedding is zero and has no direction"
    if not normalise:
        return vectors, problems
    largest[largest == 0] = 1
    vectors /= largest[:, None]  # so that no square overflows or vanishes
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    norms[norms == 0] = 1
    vectors /= norms[:, None]
    return vectors, problems


def is_late(responses: Iterable[Response]) -> bool:
    """Whether most embeddings are of several vectors each, which late interaction compares."""
    several = Counter(len(_shape(response)) == 2 for response in responses if _has_vector(response))
    return several[True] > several[False]


def embed_late(responses: Sequence[Response], dim: int) -> tuple[list[Floats32], list[str | None]]:
    """The vectors of each response as they came, float32 [n_i, dim], and what is wrong with it or None."""
    nothing = np.zeros((0, dim), dtype=np.float32)
    vectors: list[Floats32] = []
    problems: list[str | None] = []
    for response in responses:
        problem, found = _problem(response, dim, dimensions=2), nothing
        if problem is None:
            found = np.asarray(response.output)
            if not np.isfinite(found).all():
                problem = "the embedding holds NaN or infinite numbers"
            elif not found.any():
                problem = "the embedding is zero and has no direction"
        vectors.append(found)
        problems.append(problem)
    return vectors, problems


def chance_values(
    galleries: Sequence[Sequence[int]], metrics: Sequence[Metric], ks: Sequence[int], *, folded: bool = False
) -> dict[str, float]:
    """Metric id to its value for a model that embeds everything alike, ties in random order whatever the rule for ties.

    Parameters: `galleries`, for each gallery that is ranked by itself, how many captions each of its pictures has; at
    least one picture and one caption each; `folded`, the metrics take the mean over galleries.
    """
    columns: dict[str, list[dict[str, Floats]]] = {"query_i2t": [], "query_t2i": []}
    drawn: dict[str, list[Counter[tuple[int, int]]]] = {"query_i2t": [], "query_t2i": []}
    for captions in galleries:
        indptr = np.concatenate(([0], np.cumsum(captions, dtype=np.int64)))
        n_captions = int(indptr[-1])
        drawn["query_i2t"].append(Counter((positives, n_captions) for positives in captions))
        drawn["query_t2i"].append(Counter({(1, len(captions)): n_captions}))
        columns["query_i2t"].append(query_columns(chance_counts(indptr, n_captions), ks))
        columns["query_t2i"].append(query_columns(chance_counts(np.arange(n_captions + 1), len(captions)), ks))
    joined = {
        unit: {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for unit, parts in columns.items()
    }
    if folded:
        for unit, parts in columns.items():
            folds = np.repeat(np.arange(len(parts)), [len(part["rank"]) for part in parts])
            joined[unit] = folded_columns(joined[unit], folds.tolist())
    medians = {}
    for unit, queries in drawn.items():
        sets = queries if folded else [sum(queries, Counter())]
        medians[unit] = sum(map(_median_rank, sets)) / len(sets)
    is_median = {metric.id: metric.formula is None and metric.columns[0] == "rank" for metric in metrics}
    return {
        str(metric.id): medians[metric.unit] if is_median[metric.id] else _value(metric, joined[metric.unit])
        for metric in metrics
    }


def _median_rank(queries: Mapping[tuple[int, int], int]) -> float:
    r"""The median rank of the first positive over queries whose items are in random order.

    .. math:: P(rank > r) = \prod_{i < p} \frac{N - r - i}{N - i}

    Parameters: `queries`, (positives p, items N) to how many queries have them. The median of ranks is not their mean: of five
    positives among 2,000 the first is expected at 333.5, and half of the time before 260.
    """
    longest = max(items for _, items in queries)
    ranks = np.arange(longest + 1)
    above = np.zeros(longest + 1)
    for (positives, items), count in queries.items():
        others = np.arange(positives)
        shares = np.clip(items - ranks[:, None] - others, 0, None) / (items - others)
        above += count * shares.prod(axis=1)
    half = sum(queries.values()) / 2 * (1 + 1e-12)  # a tie of floats: half of the ranks below, half above
    lower, upper = np.argmax(above <= half), np.argmax(above < half * (1 - 2e-12))
    return float(lower + upper) / 2


def _value(metric: Metric, columns: Mapping[str, Floats]) -> float:
    n = len(next(iter(columns.values())))
    rows = np.stack([np.ones(n) if name == ONES else columns[name] for name in metric.columns], axis=1)
    if metric.formula is not None:
        return float(metric.formula(rows.sum(axis=0)))
    if metric.compute is None:
        raise ValueError(f"metric {metric.id} has neither formula nor compute")
    return float(metric.compute(rows, np.ones((1, n)))[0])


def usual_length(responses: Iterable[Response]) -> int:
    """The most frequent length of the vectors among the responses; 0 where there are none."""
    lengths = Counter(_shape(response)[-1] for response in responses if _has_vector(response))
    return lengths.most_common(1)[0][0] if lengths else 0


def _shape(response: Response) -> tuple[int, ...]:
    output: Any = response.output
    return tuple(np.shape(output))


def _has_vector(response: Response) -> bool:
    return response.status == "ok" and response.output is not None and not isinstance(response.output, str)


def _problem(response: Response, dim: int, dimensions: int = 1) -> str | None:
    if response.status != "ok":
        return response.error or f"the request ended with status {response.status}"
    if response.output is None or isinstance(response.output, str):
        return "the output is no embedding"
    shape = _shape(response)
    if len(shape) != dimensions:
        one, several = "one vector", "several vectors"
        has, others = (one, several) if dimensions == 2 else (several, one)
        return f"the embedding has {has}, others have {others}"
    if shape[-1] != dim:
        return f"the embedding has {shape[-1]} numbers, others have {dim}"
    return None


def _rows(items: Embedded) -> Any:
    """The vectors of the items that did not fail."""
    ok = items.ok
    if ok.all():
        return items.vectors
    return items.vectors[ok] if isinstance(items.vectors, np.ndarray) else list(compress(items.vectors, ok))


def _ranked_late(
    sides: tuple[Any, Any], relevant: tuple[Relevant, Relevant], *, normalise: bool
) -> tuple[RankCounts, RankCounts]:
    """The counts by MaxSim in both directions: each sums over the vectors of its own queries."""
    images, texts = sides
    i2t, t2i = relevant
    return rank_late(images, texts, i2t, normalise=normalise), rank_late(texts, images, t2i, normalise=normalise)


class _Way:
    """One direction: queries, what they rank, and which of them can be asked."""

    def __init__(self, queries: Embedded, gallery: Embedded, pairs: tuple[Ints, Ints]) -> None:
        """Parameters: `pairs`, of a query and a gallery item that answers it, in order of the queries."""
        self.queries = queries
        self.gallery = gallery
        self.pairs = pairs
        self.problems = list(queries.problems)
        broken = np.flatnonzero(~gallery.ok[pairs[1]])
        for query, item in zip(*(indices[broken].tolist() for indices in pairs), strict=True):
            if self.problems[query] is None:
                reason = gallery.problems[item]
                self.problems[query] = f"its {gallery.noun} {gallery.ids[item]} has no embedding: {reason}"
        self.asked = np.array([problem is None for problem in self.problems], dtype=bool)

    def relevant(self) -> Relevant:
        """Who asks and what answers, by rows of the items that did not fail."""
        query, item = self.pairs
        counted = self.asked[query]
        sizes = np.bincount(query[counted], minlength=len(self.asked))[self.asked]
        rows, places = (np.cumsum(each.ok) - 1 for each in (self.queries, self.gallery))
        return Relevant(rows[self.asked], np.concatenate(([0], np.cumsum(sizes))), places[item[counted]])

    def table(self, unit: str, counts: RankCounts | None, ks: Sequence[int], ties: Ties) -> ScoreTable:
        """The table of the queries; `counts` of those that were asked."""
        queries, gallery = self.queries, self.gallery
        names = query_columns(chance_counts(np.array([0, 1]), 1), ks)
        columns = {name: np.zeros(len(self.problems)) for name in names}
        if counts is not None:
            for name, column in query_columns(counts, ks, ties).items():
                columns[name][self.asked] = column
        failed = len(gallery.problems) - int(gallery.ok.sum())
        status: list[ScoreStatus] = ["scored" if problem is None else "error" for problem in self.problems]
        return ScoreTable(
            unit=unit,
            unit_ids=queries.ids,
            cluster_ids=queries.clusters,
            status=status,
            columns=columns,
            slices=queries.slices,
            explanations=self.problems if any(self.problems) else None,
            incomplete=f"{failed} of {len(gallery.problems)} {gallery.noun}s have no embedding and are missing from the "
            "gallery"
            if failed
            else None,
        )
