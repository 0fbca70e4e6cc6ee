"""Tiny tasks that baselines learn in a moment: coloured squares, what is asked about them, what is said about them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmbench.core import DatasetInfo, Embed, FitContext, FitProgress, Generate, Media, Request, Sample, TaskInfo
from mmbench.data import image_from_array
from mmbench_baselines import catalog, models
from mmbench_baselines.adapter import Baseline

COLOURS = {"blue": (40, 60, 220), "green": (30, 180, 40), "red": (220, 30, 30)}
YES_NO = ("no", "yes")
SIZE = 16
QUICK: dict[str, Any] = {
    "steps": 12,
    "batch": 6,
    "checks": 3,
    "patience": 100,
    "lr": 0.001,
    "weight_decay": 0.01,
    "shift": 1,
    "dim": 8,
    "size": SIZE,
    "device": "cpu",
}
"""Options of a training that is over in a moment; a check every four steps. On the CPU, where equal means equal."""

CLASSES = {
    kind.baseline: kind for kind in vars(models).values() if isinstance(kind, type) and getattr(kind, "baseline", "")
}
"""Name of a baseline to its class."""


def picture(colour: str, place: int = 0, size: int = SIZE) -> Media:
    """A square of one colour on grey; `place` moves it, so that each place gives another picture."""
    pixels = np.full((size, size, 3), 128, dtype=np.uint8)
    half = size // 2
    down, right = divmod(place % (half * half), half)
    pixels[down : down + half, right : right + half] = COLOURS[colour]
    return image_from_array(pixels)


def asked(
    name: str, medium: Media | None, text: str, answer: str, choices: tuple[str, ...] | None, **more: Any
) -> Sample:
    """A question about a picture, or about none."""
    closing = f"\nAnswer with one of: {', '.join(choices)}." if choices else "\nAnswer in one word."
    parts = (f"{text}{closing}",) if medium is None else (medium, f"{text}{closing}")
    return Sample(name, parts, (answer,), choices, **more)


def questions_of(split: str, pictures: int = 6) -> list[Sample]:
    """Two questions about each picture: its colour, and whether it has a certain one."""
    made = []
    for number in range(pictures):
        place = 2 * number + (split == "val")
        colour, other = (list(COLOURS)[(number + shift) % 3] for shift in (0, number % 2))
        medium, group = picture(colour, place), f"{split}-picture-{number}"
        what = asked(f"{split}-{number}-what", medium, "What colour is it?", colour, tuple(COLOURS), group=group)
        right = YES_NO[colour == other]
        made += [what, asked(f"{split}-{number}-is", medium, f"Is it {other}?", right, YES_NO, group=group)]
    return made


def captions_of(split: str, pictures: int = 6) -> list[Sample]:
    """Images with two captions each."""
    made = []
    for number in range(pictures):
        colour, place = list(COLOURS)[number % 3], 5 * number + (split == "val")
        said = (f"a {colour} square at {place}", f"{place}: here is something {colour}")
        made.append(Sample(f"{split}-{number}", (picture(colour, place), *said), group=f"{split}-{number}"))
    return made


def described_of(split: str, pictures: int = 6) -> list[Sample]:
    """Images to describe, with two captions each."""
    made = []
    for number in range(pictures):
        colour, place = list(COLOURS)[number % 3], 5 * number + (split == "val")
        said = (f"a {colour} square.", f"here is something {colour}")
        made.append(
            Sample(f"{split}-{number}", (picture(colour, place), "Describe it."), said, group=f"{split}-{number}")
        )
    return made


def requests_of(sample: Sample) -> list[Request]:
    """What is asked: about a question, one request; about a picture with captions, an embedding of each part."""
    made: list[Request]
    made = [Generate(parts=sample.parts, choices=sample.choices)] if sample.references else []
    made = made or [Embed(part=part) for part in sample.parts]
    for number, request in enumerate(made):
        request.id, request.sample_id = f"tiny/{sample.id}/{number}", sample.id
    return made


def info_of(name: str, **more: Any) -> TaskInfo:
    """A task of this name."""
    data = DatasetInfo("tiny", "1", "CC0-1.0", "made for the tests of mmbench")
    return TaskInfo(name, "1", "tiny", data, frozenset({"generate"}), ("accuracy",), **more)


@dataclass
class TinyTraining:
    """What `fit` is given, and what it says meanwhile."""

    train: Sequence[Sample] = field(default_factory=lambda: questions_of("train"))
    val: Sequence[Sample] = field(default_factory=lambda: questions_of("val"))
    task: str = "vqa/tiny"
    requests: Callable[[Sample], Sequence[Request]] = requests_of
    folder: Path | None = None
    seed: int = 0
    threads: int | None = None
    retrain: bool = False
    reports: list[FitProgress] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    at_step: Callable[[FitProgress], None] = lambda progress: None

    def context(self) -> FitContext:
        """What goes into `fit` beside the samples."""
        return FitContext(
            self.requests, self.seed, self.folder, self._report, self.notes.append, self.threads, self.retrain
        )

    def _report(self, progress: FitProgress) -> None:
        self.reports.append(progress)
        self.at_step(progress)

    def fit(self, name: str = "concat", **options: Any) -> Any:
        """A baseline that has learned this; `QUICK` options unless others are given."""
        made: Baseline = CLASSES[name](**{**QUICK, **options})
        made.fit(info_of(self.task), self.train, self.val, self.context())
        return made


def matching(**more: Any) -> TinyTraining:
    """A training for two towers."""
    return TinyTraining(captions_of("train"), captions_of("val"), "retrieval/tiny", **more)


def describing(**more: Any) -> TinyTraining:
    """A training for captioners."""
    return TinyTraining(described_of("train"), described_of("val"), "captioning/tiny", **more)


def training_for(name: str, **more: Any) -> TinyTraining:
    """A training for the baseline with this name."""
    made: Callable[..., TinyTraining] = {"answers": TinyTraining, "embeddings": matching, "captions": describing}[
        catalog.baseline(name).kind
    ]
    return made(**more)


def asks(samples: Iterable[Sample]) -> list[Any]:
    """The requests of some samples, in order."""
    return [request for sample in samples for request in requests_of(sample)]
