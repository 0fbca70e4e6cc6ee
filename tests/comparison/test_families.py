"""p-values of one table as one family."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import adjusted
from stored import TASK, score_table, write_run

import mmbench
from mmbench.cli.main import main
from mmbench.core.errors import OptionError
from mmbench.metrics import mean_metric
from mmbench.stats import CORRECTIONS, corrected

METRICS = tuple(mean_metric(name, "sample", name) for name in ("one", "two", "three"))


def stored_pair(out: Path) -> None:
    generator = np.random.default_rng(4)
    for name, shift in (("first", 0.0), ("second", 0.04)):
        table = score_table(generator.random(150).tolist())
        columns = {metric.columns[0]: (generator.random(150) < 0.5 + shift).astype(float) for metric in METRICS}
        write_run(out, name, {TASK: [dataclasses.replace(table, columns=columns)]}, METRICS)


@pytest.mark.slow
@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=12), st.integers(0, 3))
def test_corrections_are_those_of_statsmodels(p_values, missing):
    given_p = [*p_values, *[None] * missing]
    for correction, name in (("holm", "holm"), ("fdr_bh", "fdr_bh")):
        expected = adjusted(p_values, name)
        found = corrected(given_p, correction)
        assert found[: len(p_values)] == pytest.approx(expected, rel=1e-9)
        assert found[len(p_values) :] == [None] * missing
    assert corrected(given_p, "none") == given_p


def test_an_unknown_correction_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holm"):
        corrected([0.1], "bonferroni")
    with pytest.raises(OptionError):
        mmbench.compare("a", "b", correction="bonferroni", out=tmp_path)


@pytest.mark.slow
def test_the_metrics_of_a_task_are_one_family(tmp_path: Path) -> None:
    stored_pair(tmp_path)
    found = {name: mmbench.compare("first", "second", correction=name, out=tmp_path) for name in CORRECTIONS}
    shown = [each for each in found["holm"].metrics if each.primary] or found["holm"].metrics
    raw = [each.difference.p_value for each in found["none"].metrics]
    assert [each.p_adjusted for each in found["none"].metrics] == raw
    assert {each.family for each in shown} == {len(shown)}
    one = mmbench.compare("first", "second", metrics=["one", "two"], out=tmp_path)
    expected = adjusted([each.difference.p_value for each in one.metrics], "holm")
    assert [each.p_adjusted for each in one.metrics] == pytest.approx(expected, rel=1e-9)
    assert one.to_dict()["correction"] == "holm"
    assert {entry["family"] for entry in one.to_dict()["metrics"]} == {2}


def test_the_table_says_what_was_corrected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored_pair(tmp_path)
    command = ["compare", "first", "second", "--all", "--md", "--out", str(tmp_path)]
    headings = []
    for options in ([], ["--correction", "fdr_bh"], ["--correction", "none"]):
        assert main([*command, *options]) == 0
        headings.append(capsys.readouterr().out)
    assert ["p (Holm)" in text for text in headings] == [True, False, False]
    assert ["p (Benjamini-Hochberg)" in text for text in headings] == [False, True, False]
