"""Three runs and more: every pair, and Holm's correction over the pairs of one metric."""

from pathlib import Path

import numpy as np
import pytest
from oracles import adjusted
from stored import TASK, score_table, write_run

from mmbench.comparison.matrix import compare_all
from mmbench.results import codec
from mmbench.results.find import load_run

SHARES = {"low": 0.5, "middle": 0.6, "high": 0.7, "highest": 0.71}


def sides(folder: Path, n: int = 300):
    easy = np.random.default_rng(0).random(n)
    for name, share in SHARES.items():
        write_run(folder, name, {TASK: [score_table((easy < share).astype(float).tolist())]})
    return [load_run(name + "--", folder) for name in SHARES]


@pytest.mark.slow
def test_every_pair_is_compared_once_with_holms_p(tmp_path: Path) -> None:
    matrix = compare_all(sides(tmp_path))
    assert list(matrix.comparisons) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert matrix.metrics == [(TASK, "accuracy")]
    pairs = matrix.pairs(TASK, "accuracy")
    p_values = [each.found.difference.p_value for each in pairs]
    expected = adjusted(p_values, "holm")
    assert [each.found.p_adjusted for each in pairs] == pytest.approx(expected, rel=1e-12)
    assert (matrix.exit_code, matrix.refused) == (0, {})
    assert len(codec.canonical_json(matrix.to_dict())) > 1000


def test_a_run_that_does_not_compare_is_refused_with_each_of_the_others(tmp_path: Path) -> None:
    other = write_run(tmp_path, "odd", {TASK: [score_table([1.0])]}, prompt="another")
    matrix = compare_all([*sides(tmp_path)[:2], load_run(other, tmp_path)])
    assert list(matrix.refused) == [(0, 2), (1, 2)]
    assert [(each.a, each.b) for each in matrix.pairs(TASK, "accuracy")] == [(0, 1)]
    assert matrix.exit_code == 3
