"""Write docs/calibration.md: ``python tests/calibration/write_page.py`` (five minutes on a quiet core)."""

from __future__ import annotations

import argparse
from pathlib import Path

from designs import all_designs, simulate
from errors import all_error_rates, simulated_rate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"
HEAD = """# Calibration

How often 95 % intervals hold the truth, simulated with fixed seeds by `python tests/calibration/write_page.py`. A subset runs with the tests
(`tests/calibration`). *Width* is the median width over that of an oracle who knows the standard deviation of the estimate (2 · 1.96 of it); *given*
is the share of the evaluations that have an interval at all.

| design | required | covered | given | width |
|:---|---:|---:|---:|---:|
"""
ERRORS = """
How often a verdict is wrong about equal models, or about a difference that a rule allows; *required* is the range of rates that is allowed.

| design | required | found |
|:---|---:|---:|
"""
RANKINGS = 5
"""Rank ranges are simulated a fifth as often as the rest: one takes many resamples."""


def main() -> None:
    """Simulate every design and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    lines = []
    for design in all_designs():
        found = simulate(design, runs)
        lines.append(
            f"| {design.name} | {design.required:.1%} | {found.covered:.1%} | {found.given:.0%} | {found.width:.2f} |"
        )
    errors = []
    for rate in all_error_rates():
        error = simulated_rate(rate, max(runs // RANKINGS, 1) if rate.name.startswith("rank") else runs)
        required = f"{rate.least:.1%} to {rate.most:.1%}" if rate.least else f"≤ {rate.most:.1%}"
        errors.append(f"| {rate.name} | {required} | {error:.1%} |")
    counted = f"\n{runs:,} evaluations or comparisons of each design, {runs // RANKINGS:,} rankings.\n"
    PAGE.write_text(HEAD + "\n".join(lines) + "\n" + ERRORS + "\n".join(errors) + "\n" + counted, encoding="utf-8")


if __name__ == "__main__":
    main()
