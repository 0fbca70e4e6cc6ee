"""Confusion and calibration from score tables, against scikit-learn."""

import numpy as np
import pytest
from stored import score_table

from mmbench.analysis.confusion import confusion
from mmbench.analysis.reliability import reliability
from mmbench.metrics import binary_columns, class_columns, multilabel_columns, score_column

CLASSES = ("cat", "dog", "owl")


def of_classes(n=300, seed=1):
    """(table, right, given) of three classes; every tenth sample has no answer, every twentieth failed."""
    draw = np.random.default_rng(seed)
    right = draw.integers(0, 3, n)
    given = np.where(draw.random(n) < 0.7, right, draw.integers(0, 3, n))
    silent, failed = np.arange(n) % 10 == 3, np.arange(n) % 20 == 7
    predicted = np.eye(3)[given] * ~(silent | failed)[:, None]
    status = {f"s{place}": "unparsed" for place in np.flatnonzero(silent)}
    answers = [None if quiet else CLASSES[each] for quiet, each in zip(silent | failed, given, strict=True)]
    table = score_table([None if each else 1.0 for each in failed], status=status, answers=answers)
    table.columns.update(class_columns(predicted, right))
    return table, right[~failed], np.where(silent, 3, given)[~failed]


def test_confusion_counts_as_scikit_learn_does():
    metrics = pytest.importorskip("sklearn.metrics")
    table, right, given = of_classes()
    found = confusion(table)
    assert found.labels == CLASSES
    assert found.counts.tolist() == metrics.confusion_matrix(right, given, labels=[0, 1, 2, 3])[:3].tolist()


def test_confusion_of_a_positive_class_tells_no_answer_from_no():
    table = score_table([1.0, 0.0, 0.0, None], status={"s2": "unparsed"})
    table.columns.update(binary_columns([1.0, 1.0, 0.0, 0.0], [True, False, False, True]))
    assert confusion(table).counts.tolist() == [[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]


def test_classes_that_were_never_named_are_numbered_and_several_labels_are_no_matrix():
    bare = score_table([1.0] * 3)
    bare.columns.update(class_columns(np.eye(3), [0, 1, 2]))
    assert confusion(bare).labels == ("class 1", "class 2", "class 3")
    several = score_table([1.0] * 2)
    several.columns.update(multilabel_columns(np.ones((2, 2)), np.ones((2, 2))))
    assert confusion(several) is None
    assert confusion(score_table([1.0])) is None


def test_reliability_bins_as_scikit_learn_does():
    calibration = pytest.importorskip("sklearn.calibration")
    draw = np.random.default_rng(2)
    stated = draw.random(500)
    actual = draw.random(500) < stated**2
    table = score_table([1.0] * 500)
    table.columns.update(binary_columns(stated > 0.5, actual) | score_column(stated, actual))
    found = reliability(table)
    observed, mean = calibration.calibration_curve(actual, stated, n_bins=10)
    assert [each.observed for each in found.bins] == pytest.approx(observed.tolist())
    assert [each.stated for each in found.bins] == pytest.approx(mean.tolist())
    by_hand = sum(
        abs(stated[own].mean() - actual[own].mean()) * own.mean()
        for own in (np.floor(stated * 10) == each for each in range(10))
    )
    assert found.error == pytest.approx(by_hand)
    assert all(each.low <= each.observed <= each.high for each in found.bins)


def test_scores_that_are_no_probabilities_have_no_diagram():
    for scores in ([0.5, -2.0, 3.0], [0.0, 1.0, 1.0], [float("nan")] * 3):
        table = score_table([1.0] * 3)
        actual = [True, False, True]
        table.columns.update(binary_columns([1.0, 0.0, 1.0], actual) | score_column(scores, actual))
        assert reliability(table) is None
    assert reliability(score_table([1.0])) is None
