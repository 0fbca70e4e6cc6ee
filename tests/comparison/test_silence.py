"""Metrics over answers alone are compared over the samples that both models answered."""

from pathlib import Path

import numpy as np
import pytest
from stored import TASK, write_run

from mmbench.comparison.differences import compare_runs
from mmbench.core.score_table import ScoreTable
from mmbench.metrics.regression import mae, number_columns, pearson
from mmbench.results.find import load_run

N = 60


def table(predictions: np.ndarray, labels: np.ndarray) -> ScoreTable:
    ids = [f"s{n}" for n in range(N)]
    status = ["unparsed" if np.isnan(each) else "scored" for each in predictions]
    return ScoreTable("number", ids, ids, status, number_columns(predictions, labels))


def test_who_keeps_silent_where_it_errs_does_not_gain(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = generator.uniform(-3, 3, N)
    predictions = labels + generator.normal(0, 1, N)
    worst = np.argsort(np.abs(predictions - labels))[-20:]
    silent = predictions.copy()
    silent[worst] = np.nan
    own = predictions.copy()
    own[worst[:5]] = np.nan  # two of these are among what the other leaves out as well
    for name, given in (("all", own), ("some", silent)):
        write_run(tmp_path, name, {TASK: [table(given, labels)]}, (mae(), pearson()))
    found = {each.id: each for each in compare_runs(load_run("all", tmp_path), load_run("some", tmp_path)).metrics}
    both = ~np.isnan(own) & ~np.isnan(silent)
    assert found["mae"].difference.value == pytest.approx(0.0, abs=1e-12)
    assert found["mae"].a.value == pytest.approx(np.abs(predictions - labels)[both].mean())
    assert found["pearson"].b.value == pytest.approx(np.corrcoef(predictions[both], labels[both])[0, 1])
    for each in found.values():
        assert (each.difference.n, each.a.n, each.b.n) == (40, 40, 40)
        assert each.silent == (5, 20, 20)
        assert each.coverage == pytest.approx(40 / 60)
        assert tuple(each.to_dict()["silent"]) == (5, 20, 20)
