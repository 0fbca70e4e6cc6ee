"""A part of the simulations behind docs/calibration.md: each design covers what it must, and is not much wider than it needs to be."""

from __future__ import annotations

import pytest
from designs import Design, all_designs, simulate

pytestmark = pytest.mark.slow

RUNS = 400
STANDARD_ERRORS = 2.5
"""By how many of its own standard errors a simulated share may miss the requirement; the page has thousands of simulations."""


@pytest.mark.parametrize("design", all_designs(), ids=lambda design: design.name)
def test_intervals_hold_the_truth_as_often_as_required(design: Design) -> None:
    found = simulate(design, RUNS)
    error = (design.required * (1 - design.required) / (RUNS * found.given)) ** 0.5
    assert found.covered >= design.required - STANDARD_ERRORS * error
    assert found.width <= design.widest * 1.1
