"""Numbers from -3 to 3: error and correlation as scipy has them, and the two conventions of the field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error

from mmbench.core import ScoreTable
from mmbench.core.metric import ONES
from mmbench.metrics.classes import COUNTS
from mmbench.metrics.evaluate import evaluate, evaluate_slices
from mmbench.metrics.regression import (
    CONVENTIONS,
    NONZERO,
    NUMBER,
    mae,
    number_columns,
    pearson,
    polarity_columns,
    polarity_name,
    rounded_classes,
    same_class,
    sentiment_metrics,
)
from mmbench.stats import exact_totals

scores = st.floats(-3, 3, width=32) | st.sampled_from([-3.0, -0.5, -0.0, 0.0, 0.5, 1.5, 2.5, 3.0])


@st.composite
def pairs(draw, least=1):
    n = draw(st.integers(least, 25))
    return np.array(draw(st.lists(scores, min_size=n, max_size=n))), np.array(
        draw(st.lists(scores, min_size=n, max_size=n))
    )


def table_of(unit, columns, n, slices=None):
    ids = [str(row) for row in range(n)]
    return ScoreTable(unit, ids, ids, ["scored"] * n, columns, slices or {})


METRICS = {str(metric.id): metric for metric in [mae(), pearson(), *sentiment_metrics()]}


def tables_of(predictions, labels):
    kept = labels != 0
    return {
        NUMBER: table_of(NUMBER, number_columns(predictions, labels), len(labels)),
        "sample": table_of(
            "sample",
            {f"acc{2 * most + 1}": same_class(predictions, labels, most) for most in (2, 3)}
            | named(predictions, labels, zero=True),
            len(labels),
        ),
        NONZERO: table_of(NONZERO, named(predictions[kept], labels[kept], zero=False), int(kept.sum())),
    }


def value_of(name, predictions, labels):
    return evaluate(METRICS[name], tables_of(predictions, labels)[METRICS[name].unit])


def values_of(predictions, labels):
    """Metric id to value, without its interval; None where there is none."""
    tables = tables_of(predictions, labels)
    found = {}
    for name, metric in METRICS.items():
        columns, n = tables[metric.unit].columns, len(tables[metric.unit].unit_ids)
        rows = np.column_stack([np.ones(n) if column == ONES else columns[column] for column in metric.columns])
        with np.errstate(invalid="ignore"):
            value = float(metric.formula(exact_totals(rows)))
        found[name] = None if np.isnan(value) else value
    return found


def named(predictions, labels, *, zero):
    return {
        polarity_name(name, convention): column
        for convention in CONVENTIONS
        for name, column in polarity_columns(predictions, labels, convention, zero=zero).items()
    }


# --- the evaluators of the field, written down from their descriptions with scikit-learn ---


def as_mmsa(p, y, *, zero):
    if zero:
        truth, said = y >= 0, p >= 0
    else:
        truth, said = y[y != 0] > 0, p[y != 0] > 0
    return accuracy_score(truth, said), f1_score(truth, said, average="weighted")


def as_mult(p, y, *, zero):
    kept = np.ones(len(y), dtype=bool) if zero else y != 0
    truth, said = y[kept] > 0, p[kept] > 0
    return accuracy_score(truth, said), f1_score(said, truth, average="weighted")


@pytest.mark.parametrize(("convention", "evaluator"), [("mmsa", as_mmsa), ("mult", as_mult)])
@pytest.mark.parametrize("zero", [True, False])
@settings(max_examples=30)
@given(pairs())
def test_two_classes_are_those_of_the_evaluators(convention, evaluator, zero, given_pair):
    predictions, labels = given_pair
    values = values_of(predictions, labels)
    said = f"convention={convention},zero={'with' if zero else 'without'}"
    found = [values[f"acc2({said})"], values[f"f1(average=weighted,classes=2,{said})"]]
    if not zero and not (labels != 0).any():
        assert found == [None, None]
        assert value_of(f"acc2({said})", predictions, labels).reason == "no unit was scored"
        return
    assert found == pytest.approx(evaluator(predictions, labels, zero=zero), abs=1e-12)


@settings(max_examples=30)
@given(pairs())
def test_five_and_seven_classes_round_halves_to_even_after_clipping(given_pair):
    predictions, labels = given_pair
    values = values_of(predictions, labels)
    for most in (2, 3):
        one, two = (np.round(np.clip(each, -most, most)) for each in (predictions, labels))
        assert values[f"acc{2 * most + 1}"] == pytest.approx(np.mean(one == two), abs=1e-12)


def test_halves_go_to_the_even_neighbour():
    given_numbers = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.7])
    assert rounded_classes(given_numbers, 3).tolist() == [-2, -2, 0, 0, 2, 2, 3]
    assert rounded_classes(given_numbers, 2).tolist() == [-2, -2, 0, 0, 2, 2, 2]


def test_the_conventions_differ_in_where_zero_belongs():
    predictions, labels = np.array([0.0, 1.0]), np.array([-1.0, 0.0])
    values = values_of(predictions, labels)
    assert values["acc2(convention=mmsa,zero=with)"] == 0.5  # 0 is not negative, twice
    assert values["acc2(convention=mult,zero=with)"] == 0.5
    assert values["acc2(convention=mmsa,zero=without)"] == 1.0  # the prediction 0 is not > 0
    assert value_of("acc2(convention=mmsa,zero=without)", predictions, labels).n == 1
    only_zero = values_of(np.array([0.0, -1.0]), np.array([1.0, -1.0]))
    assert only_zero["acc2(convention=mmsa,zero=with)"] == 1.0
    assert only_zero["acc2(convention=mult,zero=with)"] == 0.5


def test_a_constant_answer_gets_432_by_one_evaluator_and_738_by_the_other():
    labels = np.array([-1.0] * 117 + [1.0] * 83)  # 58.5 % negative
    values = values_of(np.full(200, -0.3), labels)
    f1 = {name: values[f"f1(average=weighted,classes=2,convention={name},zero=without)"] for name in CONVENTIONS}
    assert f1 == {"mmsa": pytest.approx(0.432, abs=5e-4), "mult": pytest.approx(0.738, abs=5e-4)}
    assert values["pearson"] is None


@pytest.mark.slow
@settings(max_examples=30)
@given(pairs(least=3))
def test_a_perfect_answer_has_the_best_value_in_every_metric(given_pair):
    labels = given_pair[1]
    for name, value in values_of(labels, labels).items():
        if value is not None:
            assert value == pytest.approx(0.0 if name == "mae" else 1.0, abs=1e-9)


# --- error and correlation ---


@settings(max_examples=30)
@given(pairs(least=2))
def test_error_is_that_of_scikit_learn(given_pair):
    predictions, labels = given_pair
    expected = mean_absolute_error(labels, predictions)
    assert values_of(predictions, labels)["mae"] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30)
@given(arrays(np.float64, 20, elements=st.floats(-3, 3)), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_correlation_is_that_of_scipy_however_predictions_are_shifted_and_scaled(noise, shift, scale):
    labels = np.linspace(-3, 3, 20)
    predictions = shift + scale * (labels + noise)
    if np.ptp(labels + noise) < 1e-2:
        return
    found = values_of(predictions, labels)["pearson"]
    assert found == pytest.approx(pearsonr(predictions, labels).statistic, abs=1e-7)


@pytest.mark.parametrize("constant", [0.0, 0.1, -2.7, 1e9 / 3])
def test_what_does_not_vary_has_no_correlation(constant):
    varying = np.linspace(-3, 3, 37)
    alike = np.full(37, constant)
    for predictions, labels in ((alike, varying), (varying, alike)):
        value = value_of("pearson", predictions, labels)
        assert (value.value, value.low) == (None, None)
        assert value.reason


def test_what_does_not_vary_in_a_slice_has_no_correlation_there():
    labels = np.array([-3.0, -1.0, 0.5, 2.0, 3.0, 1.0])
    predictions = np.array([0.1, 0.1, 0.1, -1.0, 2.0, 1.1])
    columns = number_columns(predictions, labels)
    table = table_of(NUMBER, columns, 6, {"half": ["first"] * 3 + ["second"] * 3})
    by_half = evaluate_slices(pearson(), table)["half"]
    assert by_half["first"].value is None
    assert by_half["first"].reason == "undefined for these units: all predictions are the same"
    assert by_half["second"].value == pytest.approx(pearsonr(predictions[3:], labels[3:]).statistic)


def test_answers_without_a_number_are_outside_error_and_correlation_and_wrong_elsewhere():
    labels = np.array([-2.0, 1.0, 3.0, 0.0])
    predictions = np.array([-1.0, np.nan, 2.5, np.nan])
    values = values_of(predictions, labels)
    assert values["mae"] == pytest.approx(0.75)
    assert values["pearson"] == pytest.approx(1.0)
    assert values["acc7"] == 0.0  # -1 is no -2; 2.5 becomes 2; two say nothing
    assert values["acc2(convention=mmsa,zero=with)"] == 0.5
    assert values["acc2(convention=mult,zero=without)"] == pytest.approx(2 / 3)
    sums = polarity_columns(predictions, labels, "mmsa", zero=True)
    assert [sums[name].sum() for name in COUNTS] == [2, 2, 4], "of no class"
    sums = polarity_columns(predictions, labels, "mult", zero=True)
    assert [sums[name].sum() for name in COUNTS] == [2, 4, 4], "of the wrong class"


def test_one_answer_without_end_leaves_the_task_with_values():
    labels = np.array([-2.0, 1.0, 3.0, 0.5])
    for huge in (1e200, -1e308):
        columns = number_columns(np.array([huge, 1.0, 2.5, 0.5]), labels)
        assert all(np.isfinite(column).all() for column in columns.values())
        table = table_of(NUMBER, columns, 4)
        assert evaluate(mae(), table).value == pytest.approx(1e100 / 4)
        assert evaluate(pearson(), table).value == pytest.approx(pearsonr([np.sign(huge), 0, 0, 0], labels).statistic)


def test_no_answer_is_no_way_to_a_perfect_f1_where_predictions_are_the_weights():
    labels, said = np.array([2.4, -1.0, -0.5, 1.0]), np.array([2.4, np.nan, np.nan, 1.0])
    wrong = np.where(np.isnan(said), -labels, said)
    f1 = "f1(average=weighted,classes=2,convention=mult,zero=without)"
    expected = f1_score(wrong > 0, labels > 0, average="weighted")  # swapped, as MulT does
    assert values_of(said, labels)[f1] == pytest.approx(expected)
    assert values_of(np.full(4, np.nan), labels)[f1] == 0.0


def test_resamples_are_computed_together():
    columns = number_columns(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    rows = np.column_stack([columns[name] for name in ("x", "y", "xy", "xx", "yy", "numbers")])
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [1.0, 2.0, 0.0]])
    found = pearson.function(weights @ rows)
    assert found[0] == pytest.approx(pearsonr([1, 2, 4], [1, 2, 3]).statistic)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(1.0)


def test_directions_and_ranges():
    error, corr = mae(), pearson()
    assert (error.higher_is_better, error.bounds, error.scale) == (False, (0.0, None), 1.0)
    assert (corr.higher_is_better, corr.bounds) == (True, (-1.0, 1.0))
    assert len({str(metric.id) for metric in sentiment_metrics()}) == 10
