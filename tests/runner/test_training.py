"""`mmbench.train`: learning ahead of a run, which then finds what was learned."""

import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from learners import Counts, Recorded, only, write_world

import mmbench
from mmbench import registry
from mmbench.core import UnknownNameError, UsageError
from mmbench.core.spec import Suite
from mmbench.registry import Plugin
from mmbench.runner.execute.signals import Interrupted
from mmbench.runner.learners import TrainResult


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a task whose test split cannot be read; the working directory is empty but for it and a model."""
    monkeypatch.chdir(tmp_path)
    write_world(tmp_path)
    (tmp_path / "locked.py").write_text(
        "import parity\n\n\nclass Locked(parity.Parity):\n    def samples(self, split='test'):\n"
        "        assert split != 'test'\n        return super().samples(split)\n\n\ntask = Locked()\n",
        encoding="utf-8",
    )
    return "locked.py"


def train(model: Any, task: Any, **options: Any) -> TrainResult:
    return mmbench.train(model, task, **{"progress": False, **options})


def test_it_learns_without_reading_the_test_split_and_says_what_the_model_says(task: str) -> None:
    trained = only(train("learner", task).trained)
    assert (trained.model, trained.task, trained.seed) == ("learner", "parity/small", 0)
    assert trained.learned is not None
    assert trained.learned.checkpoint == "results/checkpoints/parity-small-0-4.json"
    assert trained.learned.val == {"accuracy": 0.713}
    assert 0 <= trained.fit_s < 5


def test_a_run_with_the_same_seed_and_options_finds_what_was_learned(task: str) -> None:
    options: dict[str, Any] = {"checkpoints": "kept", "seed": 2, "model_args": {"steps": 3}}
    train("learner", task, **options)
    progress = Recorded()
    mmbench.run("learner", "parity.py:task", progress=progress, **options)
    assert "learner · parity/small  loaded parity-small-2-3.json" in progress.notes
    other = Recorded()
    mmbench.run("learner", "parity.py:task", progress=other, **{**options, "seed": 3})
    assert not [note for note in other.notes if "loaded" in note]


def test_seeds_and_tasks_are_learned_one_by_one_by_a_model_of_their_own(task: str) -> None:
    built = []

    class Fresh(Counts):
        def __init__(self) -> None:
            super().__init__()
            built.append(self)

    result = train(Fresh, task, seed=4, seeds=3)
    assert [(each.seed, each.task) for each in result.trained] == [(s, "parity/small") for s in (4, 5, 6)]
    assert [model.fits for model in built] == [1, 1, 1]
    assert [model.context.seed for model in built] == [4, 5, 6]


def test_several_models_are_taken_and_all_are_given_the_same_samples(task: str) -> None:
    first, second = type("A", (Counts,), {}), type("B", (Counts,), {})
    result = train([first, second, "template-prior"], task)
    assert [each.model for each in result.trained] == ["A", "B", "template-prior"]
    assert [each.learned is None for each in result.trained] == [False, False, True]


def test_training_samples_cannot_be_changed_for_those_who_learn_next(task: str) -> None:
    class Greedy(Counts):
        def fit(self, info: Any, train: Any, val: Any, context: Any) -> None:
            train.clear()

    with pytest.raises(mmbench.MmbenchError, match="tuple"):
        train(Greedy(), task)


def test_the_document_holds_everything(task: str) -> None:
    document = only(train("learner", task).to_dict()["trained"])
    assert set(document) == {"model", "task", "seed", "learned", "fit_s"}
    assert document["learned"]["parameters"] == 1234
    assert only(train("prior", task).to_dict()["trained"])["learned"] is None


def test_progress_is_that_of_a_run(task: str) -> None:
    progress = Recorded()
    train("learner", task, progress=progress)
    assert progress.notes[0].startswith("learner: learner.py:Learner")
    assert progress.said[0] == "start learner · parity/small  training 1/4 steps · loss 0.5 · val accuracy 71.3"
    assert "  trained 4/4 steps" in progress.said[-1]


# --- what it refuses ---


def test_a_model_that_does_not_learn_is_refused_and_some_that_do_are_named(task: str) -> None:
    with pytest.raises(UsageError, match=r"model 'random' learns nothing .*no method `fit`.* Some that learn: \w+"):
        train("random", task)


def test_models_that_cannot_be_imported_are_passed_over_there(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Plugin("model", "aaa", "nowhere.at.all:Model", "x==1")
    given = registry.plugins("model")
    monkeypatch.setattr(registry, "plugins", lambda kind: (broken, *given) if kind == "model" else ())
    with pytest.raises(UsageError, match="Some that learn") as caught:
        train("random", task)
    assert "aaa" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("lerner", {}, "unknown model 'lerner'. Did you mean 'learner'"),
        ("learner", {"model_args": {"stepz": 3}}, "option of model 'learner': 'stepz'. Did you mean 'steps'"),
        ("learner", {"seeds": 0}, "seeds 0: expected a whole number"),
        ("learner", {"data": "x.jsonl"}, "no task in 'locked.py' takes it"),
        ("learner", {"task_args": {"size": 3}}, "takes no options"),
        (",", {}, "no model given"),
        (object(), {}, "none of the methods"),
    ],
)
def test_wrong_names_and_options(task: str, model: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        train(model, task, **options)


def test_wrong_tasks(task: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown task 'vqaa'"):
        train("learner", "vqaa")
    with pytest.raises(UsageError, match="no task given"):
        train("learner", ", ")
    with pytest.raises(UsageError, match="task 'parity/small' is given twice"):
        train("learner", [task, "parity.py:task"])


def test_what_no_model_can_learn_is_listed_whole(task: str, tmp_path: Path) -> None:
    (tmp_path / "untaught.py").write_text(
        "from dataclasses import replace\nimport parity\n\n\nclass Untaught(parity.Parity):\n"
        "    info = replace(parity.Parity.info, name='parity/hard', splits=('test',))\n\n\ntask = Untaught()\n",
        encoding="utf-8",
    )
    with pytest.raises(UsageError) as caught:
        train(["learner", "prior"], ["untaught.py", "retrieval/scenes"])
    said = str(caught.value)
    for model in ("learner", "prior"):
        assert f"{model} × parity/hard: parity/hard has no training split" in said
        assert f"{model} × retrieval/scenes: retrieval/scenes needs a method `embed`" in said


def test_of_a_suite_those_are_taken_that_can_learn_the_task(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = Suite("some", ("random", "prior", "template-prior"))
    plugins = {"suite": (Plugin("suite", "some", "learners:SUITE", "x==1"),), "model": registry.plugins("model")}
    for place in (registry, registry.entry_points):
        monkeypatch.setattr(place, "plugins", lambda kind: plugins.get(kind, ()))
    monkeypatch.setattr("learners.SUITE", suite, raising=False)
    assert [each.model for each in train("some", task).trained] == ["prior", "template-prior"]
    monkeypatch.setattr("learners.SUITE", Suite("none", ("random",)))
    with pytest.raises(UsageError, match="none of these models can learn any of these tasks"):
        train("some", task)


# --- signals ---


def test_a_signal_that_a_model_swallows_ends_it_at_its_next_report(task: str) -> None:
    class Deaf(Counts):
        def fit(self, *given: Any) -> None:
            with suppress(BaseException):
                signal.raise_signal(signal.SIGTERM)
            super().fit(*given)

    class Deafer(Deaf):
        steps = 0

    for model in (Deaf(), Deafer()):
        with pytest.raises(Interrupted) as caught:
            train(model, task)
        assert caught.value.exit_code == 143


def test_it_works_in_a_thread(task: str) -> None:
    results: list[TrainResult] = []
    thread = threading.Thread(target=lambda: results.append(train(Counts(), task)))
    thread.start()
    thread.join()
    assert only(only(results).trained).model == "Counts"
