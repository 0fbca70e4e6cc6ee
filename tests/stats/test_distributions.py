"""Tails and quantiles against scipy, far out and for every number of degrees of freedom."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from mmbench.stats.distributions import SMALLEST_P, normal_cdf, normal_quantile, normal_tail, t_quantile, t_tail

DF = [1, 2, 3, 7, 29, 59, 60, 61, 1000, 65_000, 3_000_000]


@pytest.mark.parametrize("df", DF)
def test_tails_of_t_are_those_of_scipy(df):
    for t in (0.0, 0.3, 1.0, 1.96, 4.0, 12.0, 30.0):
        assert t_tail(t, df) == pytest.approx(scipy_stats.t.sf(t, df), rel=1e-9)
        assert t_tail(-t, df) == pytest.approx(scipy_stats.t.sf(-t, df), rel=1e-9)


@pytest.mark.parametrize("df", DF)
def test_quantiles_of_t_are_those_of_scipy(df):
    for p in (0.0005, 0.025, 0.4, 0.5, 0.8, 0.975, 0.9995):
        assert t_quantile(p, df) == pytest.approx(scipy_stats.t.ppf(p, df), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("t", [1e-200, 1e-9, 0.5, 1.0, 1e6, 1e99, 1e101, 1e200])
def test_one_degree_of_freedom_is_an_arc_tangent(t):
    assert t_tail(t, 1) == pytest.approx(math.atan2(1.0, t) / math.pi, rel=1e-12)


@given(st.floats(-37, 37))
def test_normal_tails_are_those_of_scipy(z):
    assert normal_tail(z) == pytest.approx(scipy_stats.norm.sf(z), rel=1e-12)
    assert normal_cdf(z) == pytest.approx(scipy_stats.norm.cdf(z), rel=1e-12)


@given(st.floats(1e-12, 1 - 1e-12))
def test_the_normal_quantile_is_that_of_scipy(p):
    assert normal_quantile(p) == pytest.approx(scipy_stats.norm.ppf(p), rel=1e-9, abs=1e-12)


def test_no_tail_is_0():
    assert normal_tail(1e6) == normal_tail(math.inf) == SMALLEST_P > 0
    assert t_tail(math.inf, 5) == t_tail(1e200, 100) == SMALLEST_P
    assert t_tail(-math.inf, 5) == 1.0


def test_a_huge_number_of_degrees_of_freedom_is_normal():
    assert t_quantile(0.975, 10**9) == pytest.approx(float(scipy_stats.norm.ppf(0.975)), rel=1e-9)
    assert np.isclose(t_tail(2.0, 1e12), scipy_stats.norm.sf(2.0))


@pytest.mark.parametrize("p", [0.0, 1.0, -1.0, math.nan])
def test_what_has_no_quantile_is_refused(p):
    with pytest.raises(ValueError, match="quantile"):
        normal_quantile(p)
    with pytest.raises(ValueError, match="quantile"):
        t_quantile(p, 5)


def test_nonsense_has_no_tail():
    for t, df in ((math.nan, 5), (1.0, 0), (1.0, math.nan)):
        with pytest.raises(ValueError, match="degrees of freedom"):
            t_tail(t, df)
