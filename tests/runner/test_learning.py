"""Models that learn: what they are given, what stays out of reach, and what is kept of what they say."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import only_run
from learners import Counts, Parity, Recorded, only, resolved, write_world

import mmbench
from mmbench.core import DataError, Learned, PluginError, Sample, TaskInfo, UsageError
from mmbench.core.model import capabilities
from mmbench.core.requests import Choose
from mmbench.core.spec import Selection
from mmbench.resolve.task_names import resolve_tasks
from mmbench.results.log import read_log
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import LearnedEntry, TaskEntry
from mmbench.runner.plan.task_plan import TaskPlan, plan_task
from mmbench.runner.training_data import fit_context, learned_entry, training_plan, training_splits


def planned(task: Any, model: Any = Counts, split: str = "test", **selection: Any) -> TaskPlan:
    return plan_task(resolved(task), capabilities(model), Selection(split=split, **selection), 7)


# --- what fit may use ---


def test_a_learner_gets_train_and_val_and_never_what_is_asked() -> None:
    splits = training_splits(planned(Parity()))
    assert [sample.id for sample in splits.train] == [f"train-{n}" for n in range(10)]
    assert [sample.id for sample in splits.val] == [f"val-{n}" for n in range(10, 14)]
    assert training_splits(planned(Parity(), split="val")).val == ()


def test_requests_are_those_of_a_run() -> None:
    plan = planned(Parity())
    splits = training_splits(plan)
    made = only(fit_context(plan, splits).requests(splits.val[1]))
    assert (made.text, made.id, made.sample_id) == ("Even or odd: 11?", "parity/small/val-11/0", "val-11")
    asked = plan.requests([0])[0]
    assert made.seed != asked.seed
    assert fit_context(plan, splits).seed == 7


def test_a_model_that_only_chooses_learns_from_choices() -> None:
    class Chooses:
        def fit(self, *given: Any) -> None: ...

        def choose(self, requests: Sequence[Choose]) -> list[list[float]]:
            return [[0.0, 1.0] for _ in requests]

    plan = planned(Parity(), Chooses)
    splits = training_splits(plan)
    made = only(fit_context(plan, splits).requests(splits.train[0]))
    assert isinstance(made, Choose)
    assert made.choices == ("even", "odd")


@pytest.mark.parametrize(
    "sample",
    [
        Parity().samples("test")[0],
        replace(Parity().samples("test")[0], id="train-0"),
        replace(Parity().samples("train")[0], references=("odd",)),
        Sample("nobody", ("1",)),
    ],
    ids=["asked", "asked-under-a-training-id", "changed", "unknown"],
)
def test_requests_of_any_other_sample_are_refused_by_name(sample: Sample) -> None:
    plan = planned(Parity())
    requests = fit_context(plan, training_splits(plan)).requests
    with pytest.raises(UsageError, match=f"sample '{sample.id}' .*'test'. is out of reach of training"):
        requests(sample)


def test_validation_samples_are_out_of_reach_where_they_are_asked() -> None:
    plan = planned(Parity(), split="val")
    with pytest.raises(UsageError, match=r"'val'\) is out of reach"):
        fit_context(plan, training_splits(plan)).requests(Parity().samples("val")[0])


def test_a_learner_that_reaches_for_the_test_split_ends_the_run_before_it_is_asked(tmp_path: Path) -> None:
    class Cheats(Counts):
        def fit(self, task: TaskInfo, train: Any, val: Any, context: Any) -> None:
            for sample in Parity().samples("test"):
                context.requests(sample)

    with pytest.raises(UsageError, match="sample 'test-14'"):
        run(Cheats(), tmp_path)
    assert not [line for log in tmp_path.rglob("responses.jsonl") for line in read_log(log)]


class Leaky(Parity):
    """Two of its test numbers belong to groups that are learned from."""

    def samples(self, split: str = "test") -> list[Sample]:
        found = super().samples(split)
        groups = {"test-15": "n3", "test-16": "n12"}
        return [replace(sample, group=groups.get(sample.id, sample.group)) for sample in found]


@pytest.mark.parametrize(("groups", "split", "name"), [({"test-15"}, "train", "n3"), ({"test-16"}, "val", "n12")])
def test_a_group_on_both_sides_is_refused_by_name(groups: set[str], split: str, name: str) -> None:
    plan = planned(Leaky(), ids=tuple({"test-14", *groups}))
    with pytest.raises(DataError, match=f"the splits '{split}' and 'test' of parity/small share a group .*'{name}'"):
        training_splits(plan)


def test_groups_are_counted_and_those_that_are_not_asked_do_not_matter() -> None:
    class Doubly(Leaky):
        def samples(self, split: str = "test") -> list[Sample]:
            return [replace(sample, group=f"n{int(sample.group[1:]) % 4}") for sample in super().samples(split)]

    with pytest.raises(DataError, match=r"share 4 groups of samples \('n0'\)"):
        training_splits(planned(Doubly()))
    assert len(training_splits(planned(Leaky(), ids=("test-14", "test-17"))).train) == 10


@pytest.mark.slow
def test_no_group_of_an_embedded_task_lies_on_both_sides() -> None:
    for name in ("vqa/scenes", "retrieval/scenes", "vqa/easy-vqa"):
        task = only(resolve_tasks([name]))
        kinds = SimpleNamespace(fit=lambda *given: None, generate=len, embed=len)
        splits = training_splits(plan_task(task, capabilities(kinds), Selection(), 0))
        assert splits.train
        assert splits.val
        assert {s.cluster for s in splits.train}.isdisjoint(s.cluster for s in splits.val), name


def test_nothing_to_learn_from_is_refused() -> None:
    class Empty(Parity):
        def numbers(self, split: str) -> Sequence[int]:
            return () if split == "train" else super().numbers(split)

    with pytest.raises(DataError, match="no samples in its split 'train'"):
        training_splits(planned(Empty()))


def test_a_task_that_raises_is_named_and_not_the_model() -> None:
    class Broken(Parity):
        def samples(self, split: str = "test") -> list[Sample]:
            return super().samples(split if split == "test" else "nowhere")

        def requests(self, sample: Sample) -> Any:
            return [1 / 0] if sample.id.startswith("train") else super().requests(sample)

    plan = planned(Broken())
    with pytest.raises(PluginError, match="task 'parity/small' failed while its training samples were read: KeyError"):
        training_splits(plan)
    splits = training_splits(planned(Parity()))
    with pytest.raises(PluginError, match="'parity/small' failed while its requests were made: ZeroDivisionError"):
        fit_context(plan, splits).requests(splits.train[0])


def test_a_lesson_reads_no_test_sample() -> None:
    class Locked(Parity):
        def samples(self, split: str = "test") -> list[Sample]:
            assert split != "test"
            return super().samples(split)

    plan = training_plan(resolved(Locked()), capabilities(Counts), 3)
    assert len(training_splits(plan).train) == 10
    assert fit_context(plan, training_splits(plan)).seed == 3


# --- a run ---


def run(model: Any, folder: Path, **options: Any) -> mmbench.RunResult:
    folder.mkdir(exist_ok=True)
    write_world(folder)
    task = str(folder / "parity.py") + ":task"
    return mmbench.run(model, task, out=folder / "runs", **{"progress": False, **options})


def entry_of(result: mmbench.RunResult) -> TaskEntry:
    found: TaskEntry = result.runs[0].tasks["parity/small"].entry
    return found


SAID = LearnedEntry(parameters=2, train_s=1.5, samples_per_s=20.0, checkpoint="there", val={"accuracy": 0.5})


def test_what_a_model_has_learned_stands_in_run_json(tmp_path: Path) -> None:
    model = Counts()
    result = run(model, tmp_path, seed=5)
    assert entry_of(result).learned == SAID
    assert model.context.folder == Path("results/checkpoints").absolute()
    assert model.context.seed == 5
    assert (len(model.train), len(model.val)) == (10, 4)


def test_what_it_has_learned_is_kept_where_nothing_is_left_to_ask(tmp_path: Path) -> None:
    first, second = Counts(), Counts()
    run(first, tmp_path)
    again = run(second, tmp_path)
    assert (first.fits, second.fits) == (1, 0)
    assert entry_of(again).learned == SAID


def test_a_model_trained_anew_is_another_run_which_resumes(tmp_path: Path) -> None:
    shipped, anew, again = Counts(), Counts(), Counts()
    for model, retrain in ((shipped, False), (anew, True), (again, True)):
        run(model, tmp_path, retrain=retrain)
    assert (shipped.fits, anew.fits, again.fits) == (1, 1, 0)
    assert anew.context.retrain
    assert len(list(tmp_path.glob("**/run.json"))) == 2


def test_it_is_kept_where_only_the_scores_are_new(tmp_path: Path) -> None:
    second = Counts()
    run(Counts(), tmp_path)
    for scores in tmp_path.glob("**/scores/*.json"):
        scores.unlink()
    again = run(second, tmp_path)
    assert second.fits == 0
    assert entry_of(again).learned == SAID
    assert list(tmp_path.glob("**/scores/*.json"))


def test_it_is_on_disk_before_the_model_is_asked(tmp_path: Path) -> None:
    seen = []

    class Looks(Counts):
        def generate(self, requests: Sequence[Any]) -> list[str]:
            seen.append(RunDirectory(only_run(tmp_path / "runs")).read().tasks["parity/small"].learned)
            return super().generate(requests)

    run(Looks(), tmp_path)
    assert seen == [SAID]


def test_a_model_that_says_nothing_or_does_not_learn_has_no_entry(tmp_path: Path) -> None:
    silent = Counts()
    silent.says = None
    assert entry_of(run(silent, tmp_path)).learned is None
    assert entry_of(run("constant", tmp_path)).learned is None


@pytest.mark.parametrize("model", [object(), SimpleNamespace(learned=None)])
def test_silence_is_no_entry(model: Any) -> None:
    assert learned_entry(model) is None


def test_a_dict_and_the_numbers_of_numpy_serve_as_well() -> None:
    said = {
        "parameters": np.int64(3),
        "train_s": np.float32(0.5),
        "modalities": ("a", "b"),
        "val": {"f1": np.float64(1)},
    }
    entry = learned_entry(SimpleNamespace(learned={**said, "checkpoint": Path("a") / "b"}))
    assert entry == LearnedEntry(parameters=3, train_s=0.5, modalities=["a", "b"], val={"f1": 1.0}, checkpoint="a/b")


@pytest.mark.parametrize(
    ("learned", "words"),
    [
        ("much", "learned is a str; expected mmbench.Learned or a dict"),
        ({"weights": 3}, "weights"),
        (Learned(parameters="many"), r"Expected `int \| null`, got `str` - at `\$.parameters`"),  # type: ignore[arg-type]
        (Learned(train_s=math.inf), "holds train_s = inf; expected a finite number"),
        (Learned(val={"accuracy": math.nan}), "holds accuracy = nan"),
    ],
)
def test_what_cannot_be_kept_is_refused(learned: Any, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        learned_entry(SimpleNamespace(learned=learned))


@pytest.mark.slow
def test_learning_enters_no_figure_of_speed(tmp_path: Path) -> None:
    class Slow(Counts):
        def fit(self, *given: Any) -> None:
            time.sleep(0.5)
            super().fit(*given)

    result = run(Slow(), tmp_path, batch_size=1)
    perf = result.runs[0].tasks["parity/small"].perf.quality
    assert perf.wall_s < 0.4
    assert perf.value("samples_per_s") is not None
    assert perf.value("samples_per_s") > 20
    log = list(read_log(result.path / "tasks" / "parity__small" / "responses.jsonl"))
    assert max(line.start_s for line in log) < 0.25


def test_progress_of_learning_is_shown_before_that_of_asking(tmp_path: Path) -> None:
    progress = Recorded()
    run(Counts(), tmp_path, progress=progress)
    training = progress.about("Counts · parity/small")
    assert training[0] == "start Counts · parity/small  training 1/3 steps · loss 1 · val accuracy 50.0"
    assert len(progress.about("update Counts · parity/small  training")) == 2
    assert training[-1].startswith(
        "finish Counts · parity/small  trained 3/3 steps · loss 0.333 · val accuracy 50.0 · "
    )
    assert progress.said.index(training[-1]) < progress.said.index(progress.about("start parity/small")[0])


def test_notes_of_a_learner_carry_its_name(tmp_path: Path) -> None:
    class Talks(Counts):
        steps = 0

        def fit(self, task: Any, train: Any, val: Any, context: Any) -> None:
            super().fit(task, train, val, context)
            context.note("loaded from there")

    progress = Recorded()
    run(Talks(), tmp_path, progress=progress)
    assert "Talks · parity/small  loaded from there" in progress.notes
    assert not progress.about("train"), "no bar where nothing was reported"


def test_a_failure_in_fit_names_the_model_and_takes_the_bar_away(tmp_path: Path) -> None:
    class Fails(Counts):
        def fit(self, task: Any, train: Any, val: Any, context: Any) -> None:
            super().fit(task, train, val, context)
            raise ValueError("loss is NaN")

    progress = Recorded()
    result = run(Fails(), tmp_path, progress=progress)
    assert result.failures == {"Fails": "model 'Fails' failed in fit(): ValueError: loss is NaN"}
    assert result.exit_code == 4
    assert only(progress.about("finish")).startswith("finish Fails · parity/small  training 3/3 steps")


def test_fit_may_return_the_model_or_be_asynchronous(tmp_path: Path) -> None:
    class Returns(Counts):
        def fit(self, *given: Any) -> Any:
            super().fit(*given)
            return self

    class Waits(Counts):
        async def fit(self, *given: Any) -> None:
            super().fit(*given)

    for model in (Returns(), Waits()):
        assert entry_of(run(model, tmp_path / type(model).__name__)).learned == SAID
