"""The leaderboard of the repository is what today's code makes of the reference results beside it."""

from pathlib import Path

import pytest

from mmbench.cli.main import main

pytestmark = pytest.mark.slow

RESULTS = Path(__file__).resolve().parents[2] / "results"


def test_the_leaderboard_in_results_is_up_to_date(tmp_path):
    references = sorted((RESULTS / "reference").glob("*.json"))
    committed = RESULTS / "leaderboard.md"
    made = tmp_path / committed.name
    assert references
    assert main(["report", *map(str, references), "--leaderboard", "--output", str(made)]) == 0
    command = f"mmbench report results/reference/*.json --leaderboard --output results/{committed.name}"
    assert made.read_bytes() == committed.read_bytes(), f"out of date; make it anew: {command}"
