"""The training loop: rates, which weights are kept, when it ends, what it leaves alone, and a loss that is no number."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_tasks import QUICK, TinyTraining, asks, matching  # noqa: E402

from mmbench.core import RunFailedError  # noqa: E402
from mmbench_baselines import catalog  # noqa: E402
from mmbench_baselines.settings import Budget, Settings  # noqa: E402
from mmbench_baselines.trained import built  # noqa: E402
from mmbench_baselines.training import checkpoint  # noqa: E402
from mmbench_baselines.training.loop import Progress, Trainer, TrainingCallbacks, rate_at  # noqa: E402
from mmbench_baselines.training.objectives import Answering, Matching, Validation  # noqa: E402

pytestmark = pytest.mark.slow


@given(st.integers(1, 600))
def test_the_rate_rises_to_1_and_falls_along_a_cosine_without_reaching_0(steps):
    rates = [rate_at(step, steps) for step in range(steps)]
    top = rates.index(max(rates))
    assert rates[top] == 1.0
    assert all(0 < rate <= 1 for rate in rates)
    assert top <= max(1, 0.06 * steps)
    np.testing.assert_allclose(np.diff([0.0, *rates[: top + 1]]), 1 / (top + 1), atol=1e-12)
    falling = np.arange(steps - top)
    np.testing.assert_allclose(rates[top:], np.cos(np.pi / 2 * falling / (steps - top)) ** 2, atol=1e-12)


class Scripted:
    """An objective whose validation values are given; it learns to make a number large."""

    measure = "luck"

    def __init__(self, model, values, groups=6):
        self.model, self.values, self.kept, self.rows = model, list(values), [], []
        self.train = type("Examples", (), {"groups": tuple(map(str, range(groups)))})()

    def loss(self, rows, shifts):
        self.rows.append(rows.tolist())
        return -self.model.weight.sum()

    def validate(self):
        assert not self.model.training
        value = self.values[len(self.kept)]
        self.kept.append({name: x.clone() for name, x in self.model.state_dict().items()})
        return value if isinstance(value, Validation) else Validation(value, 1.0)


def follow(values, **budget):
    """Train a small model; (progress, objective, reports)."""
    model = torch.nn.Linear(2, 1)
    objective, reports = Scripted(model, values), []
    chosen = Budget(**{"steps": 20, "batch": 2, "lr": 0.1, "checks": 10, "patience": 100, **budget})
    done = Trainer(model, objective, chosen, 0).run(
        Progress(), TrainingCallbacks(lambda progress: None, reports.append)
    )
    return done, objective, reports


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_best_weights_are_kept_and_not_the_last():
    done, objective, _ = follow([0.2, 0.5, 0.9, 0.9, 0.3, 0.8, 0.1, 0.2, 0.3, 0.4])
    assert (done.step, done.best_step) == (20, 6)
    assert same(done.best, objective.kept[2])
    assert same(done.weights, objective.kept[-1])
    assert not same(done.best, done.weights)


def test_a_training_goes_on_from_its_last_weights_and_not_from_its_best(tmp_path):
    values, budget = [0.5, 0.9, 0.3, 0.4, 0.2, 0.8], Budget(steps=12, batch=2, lr=0.1, checks=6, patience=100)

    def train(start, keep):
        linear = torch.nn.Linear(2, 1)
        torch.nn.init.ones_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
        scripted = Scripted(linear, values[len(start.checks) :])
        return Trainer(linear, scripted, budget, 0).run(start, TrainingCallbacks(keep, lambda report: None))

    def keep(progress):
        if progress.step == 8:
            checkpoint.save_progress(tmp_path, progress)

    whole = train(Progress(), keep)
    saved = checkpoint.load_progress(tmp_path)
    assert saved is not None
    assert (saved.step, saved.best_step) == (8, 4)
    again = train(saved, lambda progress: None)
    assert same(again.weights, whole.weights)
    assert same(again.best, whole.best)
    assert again.checks == whole.checks


def test_of_equal_values_the_one_with_the_lower_loss_is_kept():
    values = [Validation(0.5, loss) for loss in (3.0, 2.0, 1.0, 2.0, 1.0, 4.0, 4.0, 4.0, 4.0, 4.0)]
    done, objective, _ = follow(values)
    assert done.best_step == 6
    assert same(done.best, objective.kept[2])


def test_training_ends_where_patience_does():
    done, _, _ = follow([0.1, 0.6, 0.5, 0.6, 0.5, 0.9], patience=3)
    assert [check.step for check in done.checks] == [2, 4, 6, 8, 10]
    assert (done.step, done.best_step) == (10, 4)


def test_training_ends_when_all_is_right_twice_in_a_row():
    done, _, _ = follow([0.5, 1.0, 0.9, 1.0, 1.0, 0.1])
    assert (done.step, done.best_step) == (10, 4)


@pytest.mark.parametrize(
    ("steps", "checks", "expected"), [(10, 4, [2, 4, 6, 8, 10]), (7, 3, [2, 4, 6, 7]), (3, 9, [1, 2, 3])]
)
def test_the_last_step_is_always_checked(steps, checks, expected):
    done, _, reports = follow([0.1 * n for n in range(9)], steps=steps, checks=checks)
    assert [check.step for check in done.checks] == expected
    assert [report.done for report in reports] == list(range(1, steps + 1))
    assert {report.total for report in reports} == {steps}
    assert reports[-1].val == ("luck", done.checks[-1].val)
    assert done.seen == sum(len(rows) for rows in follow([0.1] * 9, steps=steps, checks=checks)[1].rows)


def test_the_loss_of_a_real_training_falls():
    training = TinyTraining()
    training.fit("concat", steps=60, batch=12, lr=0.01, checks=1)
    losses = [report.loss for report in training.reports]
    assert len(losses) == 60
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    assert training.reports[-1].val is not None
    assert training.reports[-1].val[0] == "accuracy"


def test_the_weights_of_a_real_training_are_those_of_its_best_check():
    learned = TinyTraining().fit("low-rank", steps=30, checks=30, lr=0.01)
    card = learned._trained.card
    best = max(card.checks, key=lambda check: (check["val"], -check["val_loss"]))
    assert card.best_step == best["step"]
    assert learned.learned.val == {"accuracy": best["val"]}
    val = TinyTraining().val
    right = [answer == sample.references[0] for answer, sample in zip(learned.generate(asks(val)), val, strict=True)]
    assert sum(right) / len(right) == pytest.approx(best["val"])


# --- what it leaves alone, and what decides ---


def weights_of(learned):
    return (Path(learned.learned.checkpoint) / checkpoint.WEIGHTS).read_bytes()


def test_fit_touches_no_global_state_and_heeds_none(tmp_path, monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    found = []
    for number in range(2):
        torch.default_generator.manual_seed(number)
        state = np.random.RandomState(number).get_state()
        np.random.set_state(state)  # noqa: NPY002
        random.setstate(random.Random(number).getstate())
        before = torch.get_rng_state(), torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype()
        python = random.getstate()
        found.append(weights_of(TinyTraining(folder=tmp_path / str(number)).fit("attention")))
        after = torch.get_rng_state(), torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype()
        assert torch.equal(before[0], after[0])
        assert before[1:] == after[1:]
        assert random.getstate() == python
        assert all(np.array_equal(one, other) for one, other in zip(np.random.get_state(), state, strict=True))  # noqa: NPY002
    assert found[0] == found[1]
    assert seeded == [], "no GPU's generator is seeded"


@pytest.mark.parametrize("kind", ["answers", "embeddings"])
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path, kind):
    make, name = (TinyTraining, "concat") if kind == "answers" else (matching, "two-tower")
    one, same_seed, other = (
        weights_of(make(folder=tmp_path / str(place), seed=seed).fit(name)) for place, seed in enumerate((3, 3, 4))
    )
    assert one == same_seed
    assert one != other


def test_the_first_weights_are_drawn_by_the_seed():
    first, same_seed, other = (
        TinyTraining(seed=seed).fit(steps=1, lr=1e-20, weight_decay=0)._trained.model.fusion.map.weight
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, same_seed)
    assert not torch.allclose(first, other, atol=1e-3)


def test_fusions_see_the_same_samples_moved_alike_in_the_same_order(monkeypatch):
    seen, plain = [], Answering.loss
    monkeypatch.setattr(
        Answering,
        "loss",
        lambda self, rows, shifts: seen.append((rows.tolist(), shifts.tolist())) or plain(self, rows, shifts),
    )
    orders = []
    for name in ("concat", "film", "text-only", "attention"):
        TinyTraining(seed=5).fit(name, checks=1)
        orders.append(seen.copy())
        seen.clear()
    assert len(orders[0]) == QUICK["steps"]
    assert all(order == orders[0] for order in orders)


def test_fusions_start_with_the_same_encoders():
    both = [name for name, each in catalog.BASELINES.items() if each.encoders == catalog.baseline("concat").encoders]
    assert len(both) > 5
    starts = [
        built(Settings.parse(name, {"dim": 8}), vocabulary=9, classes=4, seed=7, device=torch.device("cpu")).encoders
        for name in both
    ]
    assert all(same(start.state_dict(), starts[0].state_dict()) for start in starts)


# --- a loss that is no number ---


def break_at(monkeypatch, step, value=math.nan, kind=Answering):
    """The loss of this step, counted from 1, is no number."""
    done, plain = [0], kind.loss

    def loss(self, rows, shifts):
        done[0] += 1
        found = plain(self, rows, shifts)
        return found * value if done[0] == step else found

    monkeypatch.setattr(kind, "loss", loss)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_training_and_keeps_what_was_good(tmp_path, monkeypatch, value):
    unbroken = weights_of(TinyTraining(folder=tmp_path / "whole").fit())
    earlier, states = TinyTraining(folder=tmp_path, seed=1).fit(), []

    def keep(report):
        states.extend(path.read_bytes() for path in tmp_path.rglob(checkpoint.STATE) if report.done == 4)

    training = TinyTraining(folder=tmp_path, at_step=keep)
    with monkeypatch.context() as patched:
        break_at(patched, 7, value)
        with pytest.raises(
            RunFailedError, match=rf"loss is {value} at step 7; what was reached at step 4 is kept"
        ) as error:
            training.fit()
    assert error.value.exit_code == 4
    assert [report.done for report in training.reports] == [1, 2, 3, 4, 5, 6]
    assert [path.read_bytes() for path in tmp_path.rglob(checkpoint.STATE)] == states
    assert len(list(tmp_path.glob(f"*/{checkpoint.CARD}"))) == 1
    again = TinyTraining(folder=tmp_path)
    assert weights_of(again.fit()) == unbroken, "it goes on from the last good state"
    assert again.reports[0].done == 5
    kept = TinyTraining(folder=tmp_path, seed=1)
    assert weights_of(kept.fit()) == weights_of(earlier)
    assert kept.reports == []


def test_two_towers_stop_at_it_too(tmp_path, monkeypatch):
    break_at(monkeypatch, 2, kind=Matching)
    with pytest.raises(RunFailedError, match="loss is nan at step 2; nothing is kept"):
        matching(folder=tmp_path).fit("two-tower")


@pytest.mark.parametrize(
    ("checks", "words"), [(3, "the training loss is nan at step 2"), (12, "the validation loss is nan at step 1")]
)
def test_a_learning_rate_that_blows_up_is_said_to_be_too_high(tmp_path, checks, words):
    with pytest.raises(RunFailedError, match=f"{words}; nothing is kept. A lower learning rate may help"):
        TinyTraining(folder=tmp_path).fit(lr=1e30, checks=checks)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_weights_that_are_no_numbers_are_never_kept_as_the_best(tmp_path, monkeypatch):
    found = iter([Validation(0.25, 1.0), Validation(1.0, math.nan)])
    monkeypatch.setattr(Answering, "validate", lambda self: next(found))
    with pytest.raises(RunFailedError, match="validation loss is nan at step 8; what was reached at step 4 is kept"):
        TinyTraining(folder=tmp_path).fit()
    (state,) = tmp_path.rglob(checkpoint.STATE)
    progress = checkpoint.load_progress(state.parent)
    assert progress is not None
    assert (progress.step, progress.best_step, len(progress.checks)) == (4, 4, 1)
    assert json.dumps(progress.checks[0].val_loss) == "1.0"
