"""Power: against statsmodels, and what makes no test."""

from __future__ import annotations

import math

import pytest
from statsmodels.stats.power import NormalIndPower, normal_sample_size_one_tail

from mmbench.stats import design_effect, minimum_detectable_effect, paired_binary_sd, samples_needed


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
