"""What is minimised and what is measured: checked against plain sums written here."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_tasks import TinyTraining, asks, matching  # noqa: E402

from mmbench.core import Choose  # noqa: E402
from mmbench_baselines.examples import captions, frequent_answers, questions  # noqa: E402
from mmbench_baselines.text import Reader  # noqa: E402
from mmbench_baselines.training import objectives  # noqa: E402
from mmbench_baselines.training.objectives import Answering, Matching, Validation, one_per_image  # noqa: E402

NO_SHIFTS = np.zeros((20, 2), dtype=np.int64)


def answering(training, name="concat"):
    """The objective of a trained baseline, and what it was trained on."""
    model = training.fit(name)._trained.model
    answers, reader = frequent_answers(training.train), Reader.learn(asks(training.train))
    train, val = (questions(s, training.requests, reader, answers, 16) for s in (training.train, training.val))
    return Answering(model, train, val, answers), answers


def towers(training):
    model, reader = training.fit("two-tower")._trained.model, Reader.learn(asks(training.train))
    train, val = (captions(samples, training.requests, reader, 16) for samples in (training.train, training.val))
    return Matching(model, train, val)


def log_probabilities(logits):
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def test_the_loss_of_answers_is_their_mean_surprise():
    objective, _ = answering(TinyTraining())
    rows = np.array([3, 0, 1, 7])
    logits = objective.logits(objective.train, rows).detach().double().numpy()
    expected = -np.mean(log_probabilities(logits)[np.arange(4), objective.train.answers[rows]])
    assert objective.loss(rows, NO_SHIFTS).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_validation_counts_the_best_of_the_allowed_answers(monkeypatch):
    training = TinyTraining()
    learned = training.fit("concat")
    asked = [Choose(parts=request.parts, choices=request.choices) for request in asks(training.val)]
    right = [
        request.choices[int(np.argmax(scores))] == sample.references[0]
        for request, scores, sample in zip(asked, learned.choose(asked), training.val, strict=True)
    ]
    objective, _ = answering(TinyTraining())
    assert objective.validate().value == pytest.approx(np.mean(right))
    logits = objective.logits(objective.val, np.arange(len(training.val))).detach().double().numpy()
    surprise = -log_probabilities(logits)[np.arange(len(training.val)), objective.val.answers]
    assert objective.validate().loss == pytest.approx(surprise.mean(), rel=1e-5)
    whole = objective.validate()
    monkeypatch.setattr(objectives, "AT_ONCE", 5)
    parts = objective.validate()
    assert (parts.value, parts.loss) == (whole.value, pytest.approx(whole.loss, rel=1e-5))


def test_an_answer_that_is_not_among_the_choices_cannot_win():
    training = TinyTraining()
    training.val = [replace(sample, choices=(sample.references[0],)) for sample in training.val]
    objective, _ = answering(training)
    assert objective.validate().value == 1.0


def test_a_picture_has_one_of_its_captions_in_a_batch():
    pictures = np.array([4, 4, 2, 4, 2, 7])
    rows = np.array([0, 2, 3, 4, 5, 1])
    assert one_per_image(pictures, rows, None).tolist() == one_per_image(pictures, rows, NO_SHIFTS).tolist()
    seen = set()
    for shift in range(12):
        chosen = one_per_image(pictures, rows, np.array([[shift, 0], [-1, 0]]))
        assert pictures[chosen].tolist() == [4, 2, 7]
        seen |= set(chosen.tolist())
    assert seen == set(range(6)), "in time, every caption has its turn"


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 99))
def test_every_image_of_a_batch_stays_in_it_once(pictures, turn):
    rows = np.arange(len(pictures))
    chosen = one_per_image(np.array(pictures), rows, np.array([[turn, 0]]))
    assert len(chosen) == len(set(pictures))
    assert {pictures[row] for row in chosen} == set(pictures)


def test_recall_counts_both_directions_within_pools(monkeypatch):
    objective = towers(matching())
    found = objective.validate()
    rows = one_per_image(objective.val.image, np.arange(len(objective.val)), None)
    assert len(rows) == 6

    def expected(pools):
        hits = 0
        for own in pools:
            scores = objective.model.fuse(objective._encode(objective.val, own, None)).detach().numpy()
            hits += sum(scores[n].argmax() == n for n in range(len(own)))
            hits += sum(scores[:, n].argmax() == n for n in range(len(own)))
        return hits / 2 / len(rows)

    assert found.value == pytest.approx(expected([rows]))
    assert 0 < found.loss < 20
    monkeypatch.setattr(Matching, "pool", 4)
    assert objective.validate().value == pytest.approx(expected([rows[:4], rows[4:]]))


def test_of_two_checks_the_value_decides_and_then_the_loss():
    turned = [Validation(0.9, 5.0), Validation(0.5, 0.2), Validation(0.5, 0.9), Validation(0.1, 0.5)]
    assert sorted(turned, key=lambda each: each.rank) == turned[::-1]


def test_measuring_leaves_no_gradient():
    for objective in (answering(TinyTraining())[0], towers(matching())):
        objective.model.zero_grad(set_to_none=True)
        objective.validate()
        assert all(value.grad is None for value in objective.model.parameters())
        objective.loss(np.arange(6), NO_SHIFTS).backward()
        assert any(value.grad is not None for value in objective.model.parameters())


def test_a_question_whose_answer_training_never_showed_counts_as_wrong():
    objective, answers = answering(TinyTraining())
    training = TinyTraining()
    strange = [replace(sample, references=("never seen",)) for sample in training.val]
    reader = Reader.learn(asks(training.train))
    both = questions([*training.val, *strange], training.requests, reader, answers, 16, unknown=True)
    assert len(both) == 2 * len(training.val)
    mixed = Answering(objective.model, objective.train, both, answers).validate()
    assert mixed.value == pytest.approx(objective.validate().value / 2)
