"""Write docs/calibration.md: ``python tests/calibration/write_page.py`` (two minutes on a quiet core)."""

from __future__ import annotations

import argparse
from pathlib import Path

from designs import all_designs, simulate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"
HEAD = """# Calibration

How often 95 % intervals hold the truth, simulated with fixed seeds by `python tests/calibration/write_page.py`. A subset runs with the tests
(`tests/calibration`). *Width* is the median width over that of an oracle who knows the standard deviation of the estimate (2 · 1.96 of it); *given*
is the share of the evaluations that have an interval at all.

| design | required | covered | given | width |
|:---|---:|---:|---:|---:|
"""


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
    PAGE.write_text(f"{HEAD}" + "\n".join(lines) + f"\n\n{runs:,} evaluations of each design.\n", encoding="utf-8")


if __name__ == "__main__":
    main()
