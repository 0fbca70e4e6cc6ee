"""Simulated evaluations with a known truth: small, skewed and unevenly clustered data, as real benchmarks have them.

Each design draws one evaluation, has its interval made by the functions that `mmbench run` uses, and says whether it covers the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmbench.core import ScoreTable
from mmbench.metrics import class_columns
from mmbench.metrics.classes import COUNTS, f1
from mmbench.metrics.evaluate import evaluate
from mmbench.stats import mean_interval, paired_mean_difference

Generator = np.random.Generator
Drawn = tuple[float | None, float | None, float]
"""Lower end, upper end, estimate."""


@dataclass(frozen=True)
class Design:
    """One simulated evaluation, and what is required of its interval."""

    name: str
    draw: Callable[[Generator], Drawn]
    """One evaluation."""
    truth: float
    """What the interval should cover."""
    required: float
    """Lowest coverage allowed."""
    widest: float = 1.6
    """Largest median width allowed, as a multiple of the oracle's: 2 · 1.96 standard deviations of the estimate."""


@dataclass(frozen=True)
class Coverage:
    """What a simulation of a design found."""

    covered: float
    """Share of the intervals given that hold the truth."""
    given: float
    """Share of the evaluations that have an interval."""
    width: float
    """Median width over the oracle's."""


def simulate(design: Design, runs: int, seed: int = 0) -> Coverage:
    """Draw `runs` evaluations."""
    generator = np.random.default_rng(seed)
    drawn = [design.draw(generator) for _ in range(runs)]
    ends = np.array([(low, high) for low, high, _ in drawn if low is not None and high is not None])
    oracle = 2 * 1.96 * float(np.std([estimate for *_, estimate in drawn]))
    inside = (ends[:, 0] <= design.truth + 1e-12) & (design.truth - 1e-12 <= ends[:, 1])
    return Coverage(float(inside.mean()), len(ends) / runs, float(np.median(ends[:, 1] - ends[:, 0])) / oracle)


def _mean(sums: np.ndarray, weights: np.ndarray, bounds: tuple[float | None, float | None]) -> Drawn:
    interval = mean_interval(np.stack([sums, weights], axis=1), bounds)
    return interval.low, interval.high, float(sums.sum() / weights.sum())


def binary(n: int, p: float) -> Design:
    """Accuracy near 1 of independent questions."""
    ones = np.ones(n)
    draw = lambda generator: _mean((generator.random(n) < p).astype(float), ones, (0.0, 1.0))  # noqa: E731
    return Design(f"0/1 mean, n = {n}, p = {p}", draw, p, 0.935)


VALUES = np.array([0.0, 0.3, 0.6, 0.9, 1.0])
SHARES = np.array([0.02, 0.02, 0.02, 0.04, 0.90])


def vqa(n: int, required: float) -> Design:
    """VQA accuracy: most answers are fully right, few are worth a part."""
    ones = np.ones(n)
    draw = lambda generator: _mean(generator.choice(VALUES, n, p=SHARES), ones, (0.0, 1.0))  # noqa: E731
    return Design(f"VQA accuracy, n = {n}", draw, float(VALUES @ SHARES), required)


def lognormal(n: int, required: float) -> Design:
    """Scores without an upper end and with a long tail."""
    ones = np.ones(n)
    draw = lambda generator: _mean(generator.lognormal(0.0, 1.0, n), ones, (0.0, None))  # noqa: E731
    return Design(f"lognormal scores, n = {n}", draw, float(np.exp(0.5)), required)


def lognormal_sizes(generator: Generator, clusters: int) -> np.ndarray:
    """Cluster sizes with a lognormal tail, at least 1."""
    return np.ceil(generator.lognormal(1.0, 1.0, clusters))


def pareto_sizes(generator: Generator, clusters: int) -> np.ndarray:
    """Cluster sizes with a Pareto(1.2) tail, at most 200."""
    return np.minimum(np.ceil(generator.pareto(1.2, clusters) + 1), 200.0)


def one_giant(generator: Generator, clusters: int) -> np.ndarray:
    """One cluster as large as all others together."""
    del generator
    return np.array([4.0 * (clusters - 1), *[4.0] * (clusters - 1)])


def clustered(
    name: str,
    sizes: Callable[[Generator, int], np.ndarray],
    clusters: int,
    required: float,
    p: float = 0.7,
    correlation: float = 0.3,
) -> Design:
    """0/1 answers to the questions of some images: what is right varies by image (beta-binomial)."""
    odds = 1 / correlation - 1

    def draw(generator: Generator) -> Drawn:
        weights = sizes(generator, clusters)
        rates = generator.beta(p * odds, (1 - p) * odds, clusters)
        return _mean(generator.binomial(weights.astype(int), rates).astype(float), weights, (0.0, 1.0))

    label = f"{name}, G = {clusters}, p = {p}, correlation {correlation}"
    return Design(label, draw, p, required)


def paired(n: int, gained: float, lost: float) -> Design:
    """The difference of two models with 0/1 scores."""
    alone = np.arange(n)

    def draw(generator: Generator) -> Drawn:
        kind = generator.choice(3, n, p=[gained, lost, 1 - gained - lost])
        right = (generator.random(n) < 0.7).astype(float)
        a = np.where(kind == 0, 0.0, np.where(kind == 1, 1.0, right))
        b = np.where(kind == 0, 1.0, np.where(kind == 1, 0.0, right))
        found = paired_mean_difference(a, b, alone)
        return found.low, found.high, float(b.mean() - a.mean())

    name = f"paired 0/1 difference, n = {n}, {gained:.1%} gained, {lost:.1%} lost"
    return Design(name, draw, gained - lost, 0.935)


def macro_f1(n: int, confusion: Sequence[Sequence[float]], label: str) -> Design:
    """Macro F1 of three classes, two of them rare."""
    shares = np.array([0.9, 0.07, 0.03])
    joint = shares[:, None] * np.array(confusion)
    metric = f1(average="macro")

    def columns(cells: np.ndarray) -> np.ndarray:
        actual, predicted = np.divmod(cells, 3)
        counts = class_columns(np.eye(3)[predicted], actual)
        return np.concatenate(list(counts.values()), axis=1)

    def draw(generator: Generator) -> Drawn:
        rows = columns(generator.choice(9, n, p=joint.ravel()))
        table = ScoreTable(
            unit="sample",
            unit_ids=[str(place) for place in range(n)],
            cluster_ids=[str(place) for place in range(n)],
            status=["scored"] * n,
            columns={name: rows[:, 3 * place : 3 * place + 3] for place, name in enumerate(COUNTS)},
        )
        value = evaluate(metric, table)
        return value.low, value.high, float(value.value or 0.0)

    hits, predicted = np.diag(joint), joint.sum(axis=0)
    truth = float((2 * hits / (predicted + shares)).mean())
    return Design(f"macro F1, {label}, n = {n}", draw, truth, 0.93, widest=2.0)


GOOD = ((0.97, 0.02, 0.01), (0.2, 0.75, 0.05), (0.3, 0.1, 0.6))
WEAK = ((0.95, 0.03, 0.02), (0.4, 0.5, 0.1), (0.5, 0.2, 0.3))


def all_designs() -> list[Design]:
    """Every design of an interval, in the order of docs/calibration.md."""
    tails = [(0.7, 0.3), (0.9, 0.1), (0.7, 0.8)]
    return [
        *[binary(n, p) for n, p in ((50, 0.9), (100, 0.95), (500, 0.99), (1000, 0.995))],
        *[vqa(n, required) for n, required in ((10, 0.93), (30, 0.90), (100, 0.93))],
        *[lognormal(n, required) for n, required in ((10, 0.89), (30, 0.92))],
        *[
            clustered("lognormal cluster sizes", lognormal_sizes, n, required, *tail)
            for n, required in ((10, 0.92), (30, 0.93), (100, 0.94))
            for tail in tails
        ],
        *[
            clustered("Pareto(1.2) cluster sizes", pareto_sizes, n, required, *tail)
            for n, required in ((10, 0.92), (30, 0.92), (100, 0.91))
            for tail in tails
        ],
        *[clustered("one cluster holds half", one_giant, 51, 0.92, *tail) for tail in tails],
        *[macro_f1(n, confusion, label) for n in (100, 200) for confusion, label in ((GOOD, "good"), (WEAK, "weak"))],
        *[paired(100, *shares) for shares in ((0.025, 0.025), (0.04, 0.01), (0.05, 0.0))],
    ]
