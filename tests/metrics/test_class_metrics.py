"""F1 over a fixed set of classes: scikit-learn says the same, and an answer without a class is wrong everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from mmbench.core import ScoreTable, UnknownNameError
from mmbench.metrics.classes import AVERAGES, COUNTS, class_columns, f1
from mmbench.metrics.evaluate import evaluate

NONE = -1
"""A prediction that is no class."""


def columns_of(predicted, actual, classes):
    rows = np.zeros((len(predicted), classes))
    for row, name in enumerate(predicted):
        if name != NONE:
            rows[row, name] = 1
    return class_columns(rows, actual)


def sums_of(predicted, actual, classes):
    columns = columns_of(predicted, actual, classes)
    return np.concatenate([columns[name].sum(axis=0) for name in COUNTS])


def table_of(predicted, actual, classes):
    n = len(actual)
    status = ["unparsed" if name == NONE else "scored" for name in predicted]
    ids = [str(row) for row in range(n)]
    return ScoreTable("sample", ids, ids, status, columns_of(predicted, actual, classes))


@st.composite
def judgements(draw):
    classes = draw(st.integers(1, 5))
    pairs = st.tuples(st.integers(NONE, classes - 1), st.integers(0, classes - 1))
    predicted, actual = zip(*draw(st.lists(pairs, min_size=1, max_size=30)), strict=True)
    return list(predicted), list(actual), classes


@pytest.mark.slow
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("zero_division", ["nan", "0", "1"])
@settings(max_examples=30)
@given(judgements())
def test_f1_is_that_of_scikit_learn(average, zero_division, judged):
    predicted, actual, classes = judged
    found = f1(average=average, zero_division=zero_division).formula(sums_of(predicted, actual, classes))
    expected = f1_score(actual, predicted, labels=range(classes), average=average, zero_division=float(zero_division))
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=30)
@given(judgements())
def test_swapped_arguments_give_what_scikit_learn_gives_for_them(judged):
    predicted, actual, classes = judged
    found = f1.function(sums_of(predicted, actual, classes), average="weighted", swapped=True)
    if set(predicted) == {NONE}:  # nothing is predicted, so nothing has a weight
        assert np.isnan(found)
    else:
        expected = f1_score(predicted, actual, labels=range(classes), average="weighted", zero_division=0)
        assert found == pytest.approx(expected, abs=1e-12)


def test_a_constant_answer_gets_432_and_738_with_the_arguments_swapped():
    """Of 200 labels 117 are negative (58.5 %): F1 is 2 · .585 / 1.585 of one class and 0 of the other."""
    actual, predicted = [0] * 117 + [1] * 83, [0] * 200
    sums = sums_of(predicted, actual, 2)
    assert float(f1.function(sums, average="weighted")) == pytest.approx(0.432, abs=5e-4)
    assert float(f1.function(sums, average="weighted", swapped=True)) == pytest.approx(0.738, abs=5e-4)


@pytest.mark.parametrize("average", AVERAGES)
@settings(max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_a_perfect_classifier_scores_1_whatever_classes_occur(average, actual):
    assert evaluate(f1(average=average), table_of(actual, actual, 4)).value == 1.0


@pytest.mark.parametrize("average", AVERAGES)
@settings(max_examples=30)
@given(judgements(), st.data())
def test_no_answer_is_never_better_than_a_wrong_one(average, judged, data):
    """An answer that names no class is wrong, and scores no more than when the sample had been answered rightly."""
    predicted, actual, classes = judged
    row = data.draw(st.integers(0, len(actual) - 1))
    formula = f1(average=average, zero_division="0").formula
    right, none = list(predicted), list(predicted)
    right[row], none[row] = actual[row], NONE
    assert formula(sums_of(none, actual, classes)) <= formula(sums_of(right, actual, classes)) + 1e-12


def test_an_answer_without_a_class_misses_its_class_and_claims_no_other():
    value = evaluate(f1(average="micro"), table_of([0, 1, NONE], [0, 1, 2], 3))
    assert (value.value, value.n, value.n_unparsed) == (pytest.approx(4 / 5), 3, 1)  # 2 · 2 / (2 predicted + 3 actual)
    macro = evaluate(f1(average="macro"), table_of([0, 1, NONE], [0, 1, 2], 3))
    assert macro.value == pytest.approx(2 / 3)


def test_with_nothing_right_the_value_is_0_and_with_nothing_at_all_it_is_null():
    value = evaluate(f1(average="macro"), table_of([NONE, NONE], [0, 1], 2))
    assert value.value == 0.0
    nothing = evaluate(f1(average="macro"), table_of([], [], 2))
    assert (nothing.value, nothing.reason) == (None, "no unit was scored")


def test_one_sample_has_a_value_and_no_interval():
    value = evaluate(f1(average="macro"), table_of([1], [1], 2))
    assert (value.value, value.low, value.high) == (1.0, None, None)
    assert value.reason == "one cluster: no interval"


def test_the_interval_of_f1_holds_the_value_and_is_the_same_twice():
    generator = np.random.default_rng(1)
    actual = generator.integers(0, 3, 300).tolist()
    predicted = np.where(generator.random(300) < 0.6, actual, generator.integers(0, 3, 300)).tolist()
    table = table_of(predicted, actual, 3)
    one, two = evaluate(f1(average="macro"), table), evaluate(f1(average="macro"), table)
    assert one == two
    assert one.low < one.value < one.high
    assert one.high - one.low < 0.2


def test_ties_count_as_shares():
    columns = class_columns(np.array([[0.5, 0.5, 0.0]]), [1])
    assert columns["hits"].tolist() == [[0.0, 0.5, 0.0]]


def test_ids_name_what_is_not_the_default():
    assert str(f1(average="weighted").id) == "f1(average=weighted)"
    assert str(f1(average="macro", zero_division="1").id) == "f1(average=macro,zero_division=1)"
    with pytest.raises(UnknownNameError, match="average of metric f1"):
        f1(average="mean")
    with pytest.raises(UnknownNameError, match="zero_division"):
        f1(average="macro", zero_division="2")
