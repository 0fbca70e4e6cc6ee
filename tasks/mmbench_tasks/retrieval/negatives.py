"""Captions against hard negatives, by embeddings or by choice; and Winoground's squares of two images and two captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

from mmbench.core import (
    CardTask,
    Embed,
    Generate,
    Metric,
    Output,
    Part,
    PerSampleTask,
    Request,
    Response,
    Sample,
    SampleScore,
    ScoreStatus,
    ScoreTable,
    derive_seed,
    output_for,
    sample_table,
    status_of,
)
from mmbench.data import Question
from mmbench.extract import extractor_named
from mmbench_tasks.questions import cluster_of
from mmbench_tasks.retrieval.card import RetrievalCard

_ASKED = "Which caption describes the image? Answer with its text.\n(A) {first}\n(B) {second}"
_DIM = 64


class NegativesTask(CardTask[RetrievalCard], PerSampleTask):
    """An image, its caption, and a caption that is wrong though it has nearly the same words.

    With ``by=embed`` (the default) the caption must be closer to the image than the negative; a tie is worth one half. With
    ``by=choose`` a model chooses between the two, which stand in an order that the sample's id decides; it may give scores for both.
    """

    columns = ("accuracy",)

    def __init__(self, card: RetrievalCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.by: str = self.options.get("by", "embed")
        self.closed_answers = self.by == "choose"
        self.extractor = extractor_named("option") if self.closed_answers else None

    @property
    def request_kinds(self) -> frozenset[Any]:  # type: ignore[override]
        """``embed`` or ``generate``."""
        return frozenset({"embed"} if self.by == "embed" else {"generate"})

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``by``."""
        return {"by": ("embed", "choose")}

    @property
    def primary(self) -> tuple[str, ...]:
        """Accuracy; by category in the slices."""
        return ("accuracy",)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Accuracy."""
        from mmbench.metrics import accuracy

        return [accuracy()]

    @property
    def prompt_text(self) -> str | None:
        """What is asked where a model chooses."""
        return f"captions-v1: {_ASKED!r}" if self.by == "choose" else None

    def sample(self, row: Question) -> Sample:
        """An image, and the two captions in an order that the id decides."""
        captions = [*(row.choices or ())]
        Random(derive_seed(self.card.name, "captions", row.id)).shuffle(captions)
        right = row.answers[0]
        return Sample(row.id, (*row.images, *captions), (right,), tuple(captions), cluster_of(row), row.slices)

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The image, then the two captions."""
        image, first, second = sample.parts
        return image, _ASKED.format(first=first, second=second)

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`, or one `Embed` for the image and for each caption."""
        if self.by == "choose":
            return [Generate(parts=self.put(sample), choices=sample.choices, max_new_tokens=64)]
        return [Embed(part=part) for part in sample.parts]

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        """1 where the caption is chosen."""
        found = None if self.extractor is None else self.extractor.extract(str(response.output), sample.choices)
        if found is None:
            return SampleScore({"accuracy": 0.0}, "unparsed", None, "neither caption is named")
        return SampleScore({"accuracy": float(found == sample.references[0])}, answer=found)

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """One table, ``sample``."""
        if self.by == "choose":
            return super().score(samples, responses)
        values, status, reasons = [], [], []
        for sample, answered in zip(samples, responses, strict=True):
            near, problem = similarities(answered, 1)
            right = sample.parts.index(sample.references[0]) - 1
            lead = 0.0 if problem else near[0, right] - near[0, 1 - right]
            values.append(0.0 if problem else (np.sign(lead) + 1) / 2)
            status.append(_status(answered, problem))
            reasons.append(problem)
        return {"sample": sample_table(samples, status, {"accuracy": values}, explanations=reasons)}

    def solve(self, sample: Sample, request: Request) -> Output:
        """The caption; for embeddings a unit vector, the same for the image and its caption."""
        if not isinstance(request, Embed):
            return output_for(request, sample.references[0])
        wrong = isinstance(request.part, str) and request.part != sample.references[0]
        return _vector(sample.id, "negative" if wrong else "right")

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """One half."""
        return {"accuracy": 0.5} if samples else {}


class SquaresTask(CardTask[RetrievalCard]):
    """Two images and two captions of the same words (Winoground): which caption fits which image.

    Text score: for each image its caption is strictly closer. Image score: for each caption its image is. Group score: both.
    """

    request_kinds = frozenset({"embed"})

    @property
    def primary(self) -> tuple[str, ...]:
        """Text, image and group score."""
        return tuple(str(metric.id) for metric in self.metrics)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Text, image and group score."""
        from mmbench.metrics import winoground

        return [winoground(score=score) for score in ("text", "image", "group")]

    def sample(self, row: Question) -> Sample:
        """Two images and their captions, in this order."""
        return Sample(row.id, (*row.images, *row.answers), row.answers, group=row.id, slices=row.slices)

    def requests(self, sample: Sample) -> list[Request]:
        """One `Embed` for each image, then for each caption."""
        return [Embed(part=part) for part in sample.parts]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """One table, ``sample``."""
        rows, status, reasons = [], [], []
        for answered in responses:
            near, problem = similarities(answered, 2)
            text = image = False
            if problem is None:
                text = near[0, 0] > near[0, 1] and near[1, 1] > near[1, 0]
                image = near[0, 0] > near[1, 0] and near[1, 1] > near[0, 1]
            rows.append([float(text), float(image), float(text and image)])
            status.append(_status(answered, problem))
            reasons.append(problem)
        columns = dict(zip(("text", "image", "group"), np.array(rows).reshape(-1, 3).T, strict=True))
        return {"sample": sample_table(samples, status, columns, explanations=reasons)}

    def solve(self, sample: Sample, request: Request) -> Output:
        """A unit vector, the same for an image and its caption."""
        part = request.part if isinstance(request, Embed) else ""
        return _vector(sample.id, str(sample.parts.index(part) % 2))

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Empty: random similarities get 25, 25 and 16.67 %, while a model for which all is alike gets 0, since ties are wrong."""
        del samples
        return {}


def similarities(answered: Sequence[Response], images: int) -> tuple[Any, str | None]:
    """Cosines [images, captions], float64, of the images that come first and the captions behind; and what is wrong, or None."""
    vectors = []
    for response in answered:
        if response.status != "ok" or response.output is None or isinstance(response.output, str):
            return None, response.error or f"the request ended with status {response.status}, without an embedding"
        vector = np.asarray(response.output, dtype=np.float64)
        norm = float(np.linalg.norm(vector))
        if not np.isfinite(norm) or norm == 0:
            return None, "an embedding is zero or not finite"
        vectors.append(vector / norm)
    if len({len(vector) for vector in vectors}) > 1:
        return None, "embeddings have different lengths"
    stacked = np.stack(vectors)
    return np.round(stacked[:images] @ stacked[images:].T, 12), None


def _status(answered: Sequence[Response], problem: str | None) -> ScoreStatus:
    if problem is not None:
        return "error"
    return status_of(answered[0], "scored")


def _vector(name: str, kind: str) -> Output:
    vector = np.random.default_rng(derive_seed("negatives oracle", name, kind)).standard_normal(_DIM)
    return list((vector / np.linalg.norm(vector)).astype(np.float32))
