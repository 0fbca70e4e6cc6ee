"""Baselines under the runner: the split that is asked is out of their reach, and what they learned is found again."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from learners import resolved
from tiny_tasks import CLASSES, QUICK, info_of, questions_of, requests_of

import mmbench
from mmbench import PerSampleTask, SampleScore, mean_metric
from mmbench.core import Request, Sample, UsageError
from mmbench.core.model import capabilities
from mmbench.core.spec import Selection
from mmbench.runner.plan.task_plan import plan_task
from mmbench.runner.training_data import Splits, fit_context, learned_entry, training_plan, training_splits

HERE = Path(__file__).resolve().parent


class Squares(PerSampleTask):
    """The questions about squares, with all three splits."""

    info = info_of("vqa/squares", splits=("test", "train", "val"), closed_answers=True)
    metrics = (mean_metric("accuracy", "sample", "accuracy"),)
    columns = ("accuracy",)

    def fingerprint(self) -> str:
        return "squares"

    def samples(self, split: str = "test") -> list[Sample]:
        return questions_of(split)

    def requests(self, sample: Sample) -> list[Request]:
        return requests_of(sample)

    def score_sample(self, sample: Sample, response: Any) -> SampleScore:
        return SampleScore({"accuracy": float(response.output == sample.references[0])})

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        return {"accuracy": sum(1 / len(sample.choices or ()) for sample in samples) / len(samples)}


class Sealed(Squares):
    """Its test split cannot even be read."""

    def samples(self, split: str = "test") -> list[Sample]:
        assert split != "test", "training read the test split"
        return super().samples(split)


task = Squares()


@pytest.mark.parametrize("place", ["train", "val"])
@pytest.mark.parametrize("name", ["concat", "text-only"])
def test_a_baseline_that_is_handed_a_test_sample_cannot_see_what_is_asked(name, place, tmp_path):
    plan = plan_task(resolved(Squares()), capabilities(CLASSES[name]), Selection(), 0)
    splits = training_splits(plan)
    stolen = splits._replace(**{place: (*getattr(splits, place), plan.samples[0])})
    model = CLASSES[name](**QUICK)
    with pytest.raises(UsageError, match=rf"sample '{plan.samples[0].id}' .*'test'\) is out of reach of training"):
        model.fit(Squares.info, *stolen, fit_context(plan, splits, tmp_path))
    assert not list(tmp_path.rglob("*.safetensors"))
    assert learned_entry(model) is not None
    assert learned_entry(model).checkpoint is None


def test_a_baseline_learns_where_the_test_split_cannot_be_read(tmp_path):
    plan = training_plan(resolved(Sealed()), capabilities(CLASSES["late"]), 3)
    splits = training_splits(plan)
    assert isinstance(splits, Splits)
    model = CLASSES["late"](**QUICK)
    model.fit(Sealed.info, *splits, fit_context(plan, splits, tmp_path))
    entry = learned_entry(model)
    assert entry is not None
    assert entry.checkpoint is not None
    assert Path(entry.checkpoint).name.startswith("late--vqa__squares--seed3--")
    assert entry.modalities == ["image", "text"]


@pytest.mark.slow
def test_a_run_trains_once_a_seed_and_finds_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "squares.py").write_text("from test_training_guard import task\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(HERE)])
    given = {"model_args": QUICK, "seeds": 2, "progress": False, "out": tmp_path / "runs"}
    first = mmbench.run("concat,text-only", "squares.py:task", **given)
    assert first.exit_code == 0, first.failures
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")}
    assert len(kept) == 4
    entries = [run.tasks["vqa/squares"].entry.learned for run in first.runs]
    assert all(entry is not None and entry.parameters and entry.checkpoint for entry in entries)
    again = mmbench.run("concat,text-only", "squares.py:task", **{**given, "out": tmp_path / "anew"})
    assert again.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")} == kept
    assert [run.tasks["vqa/squares"].entry.learned for run in again.runs] == entries
    scores = [sorted(path.read_bytes() for path in (tmp_path / out).rglob("scores/*")) for out in ("runs", "anew")]
    assert scores[0] == scores[1]
