"""Simulated comparisons of models that are equal, or that differ by what a rule allows: how often a test is wrong about them.

Each design draws one comparison, judges it by the functions that `mmbench compare`, `mmbench gate` and `mmbench report` use, and says whether
the verdict was an error (of `detectable`: whether the difference was found).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from designs import lognormal_sizes, one_giant

from mmbench.gating.aa import _fails, _Metric, _redraws
from mmbench.gating.amounts import Amount
from mmbench.gating.decide import as_drop, decide_margin, decide_regressions
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.rules import Policy, Rule
from mmbench.metrics import accuracy, class_columns
from mmbench.metrics.classes import COUNTS, f1
from mmbench.metrics.formulas import ratio
from mmbench.stats import (
    Difference,
    bootstrap_values,
    minimum_detectable_effect,
    paired_difference,
    paired_mean_difference,
)
from mmbench.stats.ranks import joint_formula, rank_ranges

Generator = np.random.Generator
Sizes = Callable[[Generator, int], np.ndarray]


@dataclass(frozen=True)
class ErrorRate:
    """One simulated comparison, and how often it may be judged wrongly."""

    name: str
    judge: Callable[[Generator], float]
    """One comparison: 1 for an error, 0 for none; or the share of several verdicts that are wrong."""
    most: float
    """Highest rate allowed."""
    least: float = 0.0
    """Lowest rate allowed, where too few are wrong as well."""


def simulated_rate(design: ErrorRate, runs: int, seed: int = 0) -> float:
    """The share of errors among `runs` comparisons."""
    generator = np.random.default_rng(seed)
    return float(np.mean([design.judge(generator) for _ in range(runs)]))


def equal_models(generator: Generator, sizes: np.ndarray, p: float, correlation: float) -> Difference:
    """Two models with 0/1 answers, right as often as each other; what each gets right varies by cluster (beta-binomial)."""
    codes = np.repeat(np.arange(len(sizes)), sizes.astype(int))
    odds = 1 / correlation - 1
    rates = generator.beta(p * odds, (1 - p) * odds, (2, len(sizes)))
    a, b = (generator.random((2, len(codes))) < rates[:, codes]).astype(float)
    return paired_mean_difference(a, b, codes)


def compared(clusters: int, most: float, p: float, correlation: float) -> ErrorRate:
    """`compare` of equal models with lognormal cluster sizes."""

    def judge(generator: Generator) -> bool:
        found = equal_models(generator, lognormal_sizes(generator, clusters), p, correlation)
        return found.p_value is not None and found.p_value < 0.05

    name = f"compare, p < 0.05, lognormal cluster sizes, G = {clusters}, p = {p}, correlation {correlation}"
    return ErrorRate(name, judge, most)


def f1_compared(n: int, average: str, shares: tuple[float, ...], right: float) -> ErrorRate:
    """`compare` of the F1 of equal models that answer independently."""
    classes, metric = len(shares), f1(average=average)
    confusion = np.full((classes, classes), (1 - right) / (classes - 1))
    np.fill_diagonal(confusion, right)

    def rows(predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
        counts = class_columns(np.eye(classes)[predicted], actual)
        return np.concatenate([counts[name] for name in COUNTS], axis=1)

    def judge(generator: Generator) -> bool:
        actual = generator.choice(classes, n, p=shares)
        chances = generator.random((2, n, 1))
        predicted = (chances > confusion.cumsum(axis=1)[actual]).sum(axis=2).clip(0, classes - 1)
        found = paired_difference(metric.formula, rows(predicted[0], actual), rows(predicted[1], actual), np.arange(n))
        return found.p_value is not None and found.p_value < 0.05

    name = f"compare, p < 0.05, {average} F1, n = {n}, class shares {', '.join(f'{share:g}' for share in shares)}"
    return ErrorRate(name, judge, 0.065)


def rule(policy: Policy, points: float) -> RuleCheck:
    """A rule on accuracy with a threshold in points."""
    own = Rule("task", "accuracy", policy, Amount(points, "points", f"{points}pt"), 0.05)
    return RuleCheck(own, threshold=points / 100)


def gated(clusters: int, p: float, correlation: float) -> ErrorRate:
    """A gate of equal models, where one cluster is as large as all others."""
    check = rule("regression", 0.0)

    def judge(generator: Generator) -> bool:
        found = equal_models(generator, one_giant(generator, clusters), p, correlation)
        drop = as_drop(found, higher_is_better=True)
        return decide_regressions([(check, drop, 1)])[0].outcome == "violated"

    name = f"gate fails, one cluster holds half, G = {clusters}, p = {p}, correlation {correlation}"
    return ErrorRate(name, judge, 0.06)


def self_gated(clusters: int, p: float, correlation: float) -> ErrorRate:
    """How much more often ``--aa`` with one run says that a gate fails than gates of two equal models do."""
    check, metric = rule("regression", 0.0), accuracy()

    def judge(generator: Generator) -> float:
        sizes = one_giant(generator, clusters)
        codes = np.repeat(np.arange(clusters), sizes.astype(int))
        rates = generator.beta(p * (1 / correlation - 1), (1 - p) * (1 / correlation - 1), (2, clusters))
        a, b = (generator.random((2, len(codes))) < rates[:, codes]).astype(float)
        rows = np.stack([a, np.ones_like(a)], axis=1)
        one = _Metric(check, metric, rows, rows, codes.astype(str).tolist())
        simulated = _fails([one], _redraws([[one]])(generator))
        drop = as_drop(paired_mean_difference(a, b, codes), higher_is_better=True)
        return float(simulated) - float(decide_regressions([(check, drop, 1)])[0].outcome == "violated")

    name = (
        f"gate --aa with one run less gate, one cluster holds half, G = {clusters}, p = {p}, correlation {correlation}"
    )
    return ErrorRate(name, judge, 0.02, least=-0.02)


def dropped(n: int, lost: float, gained: float = 0.0) -> tuple[Callable[[Generator], Difference], int]:
    """Two models on n samples, of which the second loses and gains some; with the drop and the number of changes."""
    alone = np.arange(n)

    def draw(generator: Generator) -> Difference:
        losses, gains, _ = generator.multinomial(n, [lost, gained, 1 - lost - gained])
        a = np.where(alone < losses, 1.0, np.where(alone < losses + gains, 0.0, 1.0))
        b = np.where(alone < losses, 0.0, 1.0)
        return as_drop(paired_mean_difference(a, b, alone), higher_is_better=True)

    return draw, n


def at_the_margin(n: int) -> ErrorRate:
    """A non-inferiority rule passes a model that is worse by its margin, by losses alone."""
    check, (draw, _) = rule("non-inferiority", 1.0), dropped(n, 0.01)

    def judge(generator: Generator) -> bool:
        drop = draw(generator)
        return decide_margin(check, drop, sum(drop.changed or (0, 0))).outcome == "passed"

    return ErrorRate(f"non-inferiority passes at its margin of 1 pt, losses alone, n = {n}", judge, 0.03)


def within_tolerance() -> ErrorRate:
    """A regression rule is violated by a drop within its tolerance."""
    check, (draw, n) = rule("regression", 2.0), dropped(10_000, 0.068, 0.05)

    def judge(generator: Generator) -> bool:
        drop = draw(generator)
        return decide_regressions([(check, drop, sum(drop.changed or (0, 0)))])[0].outcome == "violated"

    return ErrorRate(f"regression violated by a drop of 0.9 × its tolerance, n = {n:,}", judge, 0.05)


def detectable(clusters: int) -> ErrorRate:
    """A second comparison finds the effect that a first one said was detectable."""
    codes = np.repeat(np.arange(clusters), 4)

    def drawn(generator: Generator, effect: float) -> Difference:
        noise = generator.normal(size=(clusters, 1)) + generator.normal(size=(clusters, 4))
        return paired_mean_difference(np.zeros(len(codes)), (noise + effect).ravel(), codes)

    def judge(generator: Generator) -> bool:
        first = drawn(generator, 0.0)
        second = drawn(generator, minimum_detectable_effect(first.se or 0.0, df=first.df))
        return second.p_value is not None and second.p_value <= 0.05 and (second.value or 0.0) > 0

    return ErrorRate(f"the detectable effect is found, G = {clusters}", judge, 0.83, least=0.77)


def ranked(n: int, p: float) -> ErrorRate:
    """Rank ranges of eight equal models leave out a rank."""

    def judge(generator: Generator) -> float:
        scores = (generator.random((8, n)) < p).astype(float)
        joint = joint_formula(ratio, np.stack([scores, np.ones_like(scores)], axis=-1))
        seed = int(generator.integers(2**31))
        draws = bootstrap_values(joint, n, seed=seed, resamples=1000, width=8)
        ranks = rank_ranges(scores.mean(axis=1), draws, n)
        return float(np.mean([span != (1, 8) for span in zip(ranks.low, ranks.high, strict=True)]))

    return ErrorRate(f"rank ranges leave out a rank, 8 equal models, n = {n}, p = {p}", judge, 0.055)


def all_error_rates() -> list[ErrorRate]:
    """Every design of an error rate, in the order of docs/calibration.md."""
    tails = [(0.7, 0.1), (0.7, 0.3), (0.9, 0.3), (0.7, 0.8)]
    imbalanced, balanced = (0.9, 0.07, 0.03), (0.5, 0.5)
    return [
        *[
            compared(clusters, most, *tail)
            for clusters, most in ((3, 0.065), (5, 0.065), (10, 0.07), (30, 0.065))
            for tail in tails
        ],
        *[
            f1_compared(n, average, shares, right)
            for n in (20, 30, 50)
            for average, shares, right in (
                ("macro", balanced, 0.8),
                ("macro", imbalanced, 0.8),
                ("micro", balanced, 0.8),
                ("weighted", imbalanced, 0.8),
            )
        ],
        *[gated(51, *tail) for tail in tails],
        *[self_gated(51, *tail) for tail in tails[:2]],
        *map(at_the_margin, (20, 100, 300, 400)),
        within_tolerance(),
        *map(detectable, (5, 10)),
        *[ranked(n, p) for n in (20, 30, 50) for p in (0.5, 0.7, 0.9)],
    ]
