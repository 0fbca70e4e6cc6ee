"""Power: against statsmodels, and what makes no test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.power import NormalIndPower, normal_sample_size_one_tail

from mmbench.stats import (
    Difference,
    clusters_needed,
    design_effect,
    minimum_detectable_effect,
    paired_binary_sd,
    paired_mean_difference,
    samples_needed,
)


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_the_minimum_detectable_effect_is_found_with_its_power(alpha, power):
    one = NormalIndPower(ddof=0)
    effect = minimum_detectable_effect(1 / 200**0.5, alpha=alpha, power=power, sides=1)
    assert one.power(effect, 200, alpha, ratio=0, alternative="larger") == pytest.approx(power)
    effect = minimum_detectable_effect(1 / 200**0.5, alpha=alpha, power=power)
    assert one.power(effect, 200, alpha, ratio=0) == pytest.approx(power, abs=1e-4)  # the far tail counts there


def test_as_many_samples_are_needed_as_statsmodels_says():
    expected = normal_sample_size_one_tail(0.02, 0.8, 0.05, std_null=0.3)
    assert samples_needed(0.02, sd=0.3, sides=1) == math.ceil(expected)
    assert samples_needed(-0.02, sd=0.3, sides=1) == math.ceil(expected)
    assert samples_needed(0.02, sd=0.3, sides=1, design_effect=2.5) == math.ceil(2.5 * expected)


def test_samples_and_detectable_effect_agree():
    sd = paired_binary_sd(0.1, 0.01)
    n = samples_needed(0.01, sd=sd)
    assert minimum_detectable_effect(sd / n**0.5) <= 0.01 < minimum_detectable_effect(sd / (n - 1) ** 0.5)


def test_the_sd_of_a_paired_difference_comes_from_the_disagreement():
    assert paired_binary_sd(0.25) == 0.5
    assert paired_binary_sd(0.1, 0.1) == pytest.approx(0.3)
    assert design_effect(0.02, 0.01) == 4.0


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("df", [2.0, 4.0, 9.0, 29.5, 250.0])
def test_few_clusters_find_the_effect_as_often_as_it_says(df, sides):
    """Against scipy's noncentral t: at the true error, and averaged over what an estimate of it may be."""
    critical = scipy_stats.t(df).ppf(1 - 0.05 / sides)
    known = minimum_detectable_effect(1.0, df=df, sides=sides, known=True)
    assert scipy_stats.nct.sf(critical, df, known) == pytest.approx(0.8, abs=1e-4)
    ratios = np.sqrt(scipy_stats.chi2(df).ppf((np.arange(2000) + 0.5) / 2000) / df)
    estimated = minimum_detectable_effect(1.0, df=df, sides=sides)
    assert scipy_stats.nct.sf(critical, df, estimated * ratios).mean() == pytest.approx(0.8, abs=2e-3)


@pytest.mark.parametrize("sd", [0.01, 0.03, 0.1])
def test_as_many_clusters_are_needed_as_scipy_says(sd):
    count = clusters_needed(0.02, sd=sd, sides=1)

    def power(clusters: int) -> float:
        critical = scipy_stats.t(clusters - 1).ppf(0.95)
        return float(scipy_stats.nct.sf(critical, clusters - 1, 0.02 / sd * clusters**0.5))

    assert power(count) >= 0.8 - 1e-6
    assert count == 2 or power(count - 1) < 0.8
    assert clusters_needed(0.02, sd=sd, sides=1, df_share=0.5) >= count


@pytest.mark.slow
@pytest.mark.parametrize("uneven", [False, True], ids=["even", "lognormal"])
@pytest.mark.parametrize("clusters", [5, pytest.param(10, marks=pytest.mark.nightly)])
def test_an_effect_that_one_comparison_calls_detectable_is_found_8_times_in_10_by_the_next(clusters, uneven):
    generator, found, multipliers = np.random.default_rng(18), [], {}
    for _ in range(1500):
        sizes = np.full(clusters, 6)
        if uneven:
            sizes = np.maximum(1, np.exp(generator.normal(2, 1, clusters)).round().astype(int))
        codes = np.repeat(np.arange(clusters), sizes)

        def difference(effect: float, codes: np.ndarray = codes) -> Difference:
            scores = effect + generator.normal(0, 0.5, clusters)[codes] + generator.normal(size=len(codes))
            return paired_mean_difference(np.zeros(len(codes)), scores, codes)

        pilot = difference(0.0)
        df = round(pilot.df, 1)
        if df not in multipliers:
            multipliers[df] = minimum_detectable_effect(1.0, df=df)
        found.append(difference(multipliers[df] * pilot.se).p_value <= 0.05)
    assert 0.77 <= np.mean(found) <= 0.83


def test_certain_differences_need_two_samples():
    assert samples_needed(0.5, sd=0.0) == 2
    assert minimum_detectable_effect(0.0) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: minimum_detectable_effect(-1.0),
        lambda: minimum_detectable_effect(math.nan),
        lambda: minimum_detectable_effect(1.0, alpha=0),
        lambda: minimum_detectable_effect(1.0, power=1.0),
        lambda: minimum_detectable_effect(1.0, sides=3),
        lambda: samples_needed(0.0, sd=1.0),
        lambda: samples_needed(math.nan, sd=1.0),
        lambda: samples_needed(0.1, sd=math.inf),
        lambda: samples_needed(1e-200, sd=1.0),
        lambda: samples_needed(0.1, sd=1.0, design_effect=0),
        lambda: paired_binary_sd(0.1, 0.2),
        lambda: paired_binary_sd(1.1),
        lambda: design_effect(1.0, 0.0),
    ],
)
def test_what_makes_no_test_is_refused(call):
    with pytest.raises(ValueError, match=r"got|too small"):
        call()
