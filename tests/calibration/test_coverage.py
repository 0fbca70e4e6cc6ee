"""A part of the simulations behind docs/calibration.md: intervals cover what they must, no wider than they need to be, and tests err seldom."""

from __future__ import annotations

import pytest
from designs import Design, all_designs, simulate
from errors import ErrorRate, all_error_rates, simulated_rate

pytestmark = pytest.mark.slow

RUNS = 400
COMPARISONS = 100
STANDARD_ERRORS = 2.5
"""By how many of its own standard errors a simulated share may miss the requirement; the page has thousands of simulations."""


@pytest.mark.parametrize("design", all_designs(), ids=lambda design: design.name)
def test_intervals_hold_the_truth_as_often_as_required(design: Design) -> None:
    found = simulate(design, RUNS)
    error = (design.required * (1 - design.required) / (RUNS * found.given)) ** 0.5
    assert found.covered >= design.required - STANDARD_ERRORS * error
    assert found.width <= design.widest * 1.1


@pytest.mark.parametrize("design", all_error_rates(), ids=lambda design: design.name)
def test_comparisons_are_wrong_no_more_often_than_allowed(design: ErrorRate) -> None:
    found = simulated_rate(design, COMPARISONS)
    ends = [(abs(end) * (1 - abs(end)) / COMPARISONS) ** 0.5 for end in (design.least, design.most)]
    assert design.least - 3 * ends[0] <= found <= design.most + 3 * ends[1]
