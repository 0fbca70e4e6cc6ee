"""Metrics over answers alone are compared over the samples that both models answered."""

from pathlib import Path

import numpy as np
import pytest
from stored import TASK, write_run

from mmbench.analysis.leaders import Ranker
from mmbench.analysis.seeds import group_seeds
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


def test_the_same_answers_are_no_difference_although_correlations_are_summed_from_other_means(tmp_path: Path) -> None:
    """Rounding must not be taken for evidence: products are centred by the mean of all answers of a run."""
    generator = np.random.default_rng(1)
    labels = generator.uniform(-3, 3, N)
    predictions = labels + generator.normal(0, 1, N)
    for place in range(8):
        out = tmp_path / str(place)
        silent = predictions.copy()
        silent[generator.permutation(N)[:25]] = np.nan
        for name, given in (("all", predictions), ("some", silent)):
            write_run(out, name, {TASK: [table(given, labels)]}, (pearson(),))
        (found,) = compare_runs(load_run("all", out), load_run("some", out)).metrics
        assert found.difference.value == 0.0
        assert found.difference.p_value == 1.0
        assert found.difference.low is None


def test_who_keeps_silent_where_it_errs_does_not_lead_a_report(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = generator.uniform(-3, 3, N)
    predictions = labels + generator.normal(0, 1, N)
    silent = predictions.copy()
    silent[np.argsort(np.abs(predictions - labels))[-20:]] = np.nan
    for name, given in (("all", predictions), ("some", silent)):
        write_run(tmp_path, name, {TASK: [table(given, labels)]}, (mae(), pearson()))
    groups = group_seeds([load_run("all", tmp_path), load_run("some", tmp_path)])
    ranking = Ranker(resamples=200).rank(TASK, groups, ["mae", "pearson"])
    assert ranking.draws is not None
    assert ranking.draws.values == pytest.approx([np.abs(predictions - labels)[~np.isnan(silent)].mean()] * 2)
    assert (ranking.draws.units, ranking.draws.silent, ranking.draws.of) == (40, 20, 60)
    assert {label: (rank.low, rank.high) for label, rank in ranking.ranks.items()} == {"all": (1, 2), "some": (1, 2)}
    assert ranking.best == {}
