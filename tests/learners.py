"""A small task with the splits train, val and test, and models that learn it: for tests of what learning needs."""

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from helpers import write_model

from mmbench import DatasetInfo, Generate, PerSampleTask, Sample, SampleScore, TaskInfo, mean_metric
from mmbench.core import FitContext, FitProgress, Learned
from mmbench.resolve.task_names import ResolvedTask
from mmbench.results.schema import TaskSource
from mmbench.runner.execute.progress import Stage

DATASET = DatasetInfo(name="parity", revision="1", licence="CC0-1.0", citation="made for the tests of mmbench")


class Parity(PerSampleTask):
    """Is a number even or odd? Ten numbers to learn from, four to choose by, six that are asked."""

    info = TaskInfo(
        name="parity/small",
        version="1",
        description="even or odd",
        dataset=DATASET,
        request_kinds=frozenset({"generate"}),
        primary=("accuracy",),
        splits=("test", "train", "val"),
        modalities=("text",),
        closed_answers=True,
    )
    metrics = (mean_metric("accuracy", "sample", "accuracy"),)
    columns = ("accuracy",)

    def fingerprint(self) -> str:
        return "parity"

    def numbers(self, split: str) -> Sequence[int]:
        return {"train": range(10), "val": range(10, 14), "test": range(14, 20)}[split]

    def sample(self, split: str, number: int) -> Sample:
        answer = "odd" if number % 2 else "even"
        return Sample(f"{split}-{number}", (f"{number}",), (answer,), ("even", "odd"), group=f"n{number}")

    def samples(self, split: str = "test") -> list[Sample]:
        return [self.sample(split, number) for number in self.numbers(split)]

    def requests(self, sample: Sample) -> list[Generate]:
        return [Generate(parts=(f"Even or odd: {sample.parts[0]}?",), choices=sample.choices)]

    def score_sample(self, sample: Sample, response: Any) -> SampleScore:
        return SampleScore({"accuracy": float(response.output == sample.references[0])})

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        return {"accuracy": 0.5}


class Counts:
    """Answers with the most frequent training answer, and says what it has learned."""

    info: dict[str, Any] = {"digest": "counts"}  # noqa: RUF012
    steps = 3
    says: Any = Learned(parameters=2, train_s=1.5, samples_per_s=20.0, checkpoint="there", val={"accuracy": 0.5})

    def __init__(self) -> None:
        self.fits = 0

    def fit(self, task: TaskInfo, train: Sequence[Sample], val: Sequence[Sample], context: FitContext) -> Any:
        self.fits += 1
        self.train, self.val, self.context = train, val, context
        answers = [sample.references[0] for sample in train]
        self.answer = max(sorted(set(answers)), key=answers.count)
        for step in range(self.steps):
            context.report(FitProgress(step + 1, self.steps, loss=1 / (step + 1), val=("accuracy", 0.5)))
        self.learned = self.says

    def generate(self, requests: Sequence[Any]) -> list[str]:
        return [self.answer for _ in requests]


class Recorded:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.notes: list[str] = []

    def start(self, stage: Stage) -> None:
        self.said.append(f"start {stage.line()}")

    def update(self, stage: Stage) -> None:
        self.said.append(f"update {stage.line()}")

    def finish(self, stage: Stage) -> None:
        self.said.append(f"finish {stage.line()}")

    def note(self, text: str) -> None:
        self.notes.append(text)

    def about(self, word: str) -> list[str]:
        """Lines that hold a word."""
        return [line for line in self.said if word in line]


def resolved(task: Any) -> ResolvedTask:
    """A task as if it had been named."""
    return ResolvedTask(task, TaskSource(name=task.info.name))


PARITY = f"""
from mmbench import DatasetInfo, Generate, PerSampleTask, Sample, SampleScore, TaskInfo, mean_metric
from collections.abc import Sequence
from typing import Any

DATASET = {DATASET!r}

{inspect.getsource(Parity)}

task = Parity()
"""

LEARNER = '''
"""Learns for a number of steps, one file a step; goes on from the last."""

import json
import time

from mmbench import FitProgress, Learned


class Learner:
    def __init__(self, steps=4, pause=0.0, loud=False):
        self.steps, self.pause, self.loud = steps, pause, loud

    def fit(self, task_info, train, val, context):
        context.folder.mkdir(parents=True, exist_ok=True)
        path = context.folder / f"{task_info.name.replace('/', '-')}-{context.seed}-{self.steps}.json"
        done = json.loads(path.read_text()) if path.exists() else 0
        if self.loud:
            print("this is no JSON")
        if done == self.steps:
            context.note(f"loaded {path.name}")
        elif done:
            context.note(f"goes on from step {done}")
        for step in range(done, self.steps):
            time.sleep(self.pause)
            new = path.with_suffix(".new")
            new.write_text(json.dumps(step + 1))
            new.replace(path)
            context.report(FitProgress(step + 1, self.steps, loss=0.5, val=("accuracy", 0.713)))
        self.answers = {sample.parts[0]: sample.references[0] for sample in train}
        self.learned = Learned(parameters=1234, train_s=80.0, samples_per_s=2500.0, checkpoint=str(path), val={"accuracy": 0.713})

    def generate(self, requests):
        return ["odd" if int(request.text.split()[-1][:-1]) % 2 else "even" for request in requests]
'''


def write_world(folder: Path, model: str = LEARNER, name: str = "learner.py") -> None:
    """The task in ``parity.py`` and a model that learns it in ``learner.py``."""
    write_model(folder, PARITY, "parity.py")
    (folder / name).write_text(model, encoding="utf-8")


def only(items: Iterable[Any]) -> Any:
    """The one item."""
    (item,) = items
    return item
