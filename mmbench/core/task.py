"""What a task is: what is asked, and what an answer is worth."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mmbench.core.long_texts import LongTexts
from mmbench.core.metric import Metric
from mmbench.core.requests import Choose, Request, RequestKind
from mmbench.core.responses import Output, Response
from mmbench.core.samples import Sample
from mmbench.core.score_table import ScoreStatus, ScoreTable


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Where a task's samples come from."""

    name: str
    """The data set's name."""
    revision: str
    """The pinned version; for a user's own file, the digest of the file."""
    licence: str
    """SPDX identifier where there is one, ``unknown`` where nobody said."""
    citation: str
    """Paper, page or package."""


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """What a task says of itself."""

    name: str
    """Full name, such as ``vqa/easy-vqa``."""
    version: str
    """Changes whenever the same model could get another score: prompt, extraction, scoring."""
    description: str
    """One line."""
    dataset: DatasetInfo
    """Its data."""
    request_kinds: frozenset[RequestKind]
    """The kinds of request that it makes."""
    primary: tuple[str, ...]
    """Ids of the metrics that stand in the main table, in order."""
    splits: tuple[str, ...] = ("test",)
    """The splits that `samples` knows."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes."""
    modalities: tuple[str, ...] = ("image", "text")
    """What a request may hold, of `mmbench.core.model.MODALITIES`. A model that looks at less is refused when the run is planned."""
    max_images: int = 1
    """The largest number of images in one request; says nothing where `modalities` has no ``image``."""
    prompt: str | None = None
    """Version and template of the prompt, where there is one."""
    extractor: str | None = None
    """Name and version of the function that finds the answer in an output, where there is one."""
    closed_answers: bool = False
    """True when every request carries its closed answer set, so that `choose` can serve `generate`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that change what is asked or scored, as given on the command line."""
    scoring_options: tuple[str, ...] = ()
    """Names of options that change only how answers are scored. Other values of them ask the model nothing again."""


@runtime_checkable
class Task(Protocol):
    """A plug-in that asks questions and scores answers. `mmbench check` tells whether it keeps its promises."""

    @property
    def info(self) -> TaskInfo:
        """Cheap: no data are read."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """Every metric that the score tables feed; cheap."""

    def fingerprint(self) -> str:
        """Digest of everything in the test data that could change a score. Raises `DataError`."""

    def samples(self, split: str = "test") -> Sequence[Sample]:
        """The samples, in a stable order. Raises `DataError`; `UsageError` for a split that it does not have."""

    def requests(self, sample: Sample) -> Sequence[Request]:
        """What a model is asked about the sample. Deterministic; ids and seeds are the runner's."""

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> Mapping[str, ScoreTable]:
        """Score the whole set. `responses[i][n]` answers `requests(samples[i])[n]`. Pure."""

    def solve(self, sample: Sample, request: Request) -> Output:
        """A right answer, for the `oracle` control; same kind of output as the request asks for."""

    def chance(self, samples: Sequence[Sample]) -> Mapping[str, float]:
        """Metric id to the value that guessing uniformly is expected to get; empty where that is undefined."""


class Family(Protocol):
    """Tasks of one kind over different data: `vqa`, `retrieval`."""

    name: str
    """What stands before the slash."""
    default: str | None
    """The task that the bare family name means when no data are given; None: it then needs ``--data``."""

    def from_data(self, name: str, path: Path) -> Task:
        """The task ``family/name`` over the user's own file or folder. Raises `DataError`."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """Answers that came in a file, and the task that scores them."""

    task: Task
    """What is scored: over the references of a file, or a registered task as it is."""
    outputs: Mapping[str, Sequence[Output]]
    """Sample id to one output for each of its requests, in their order; ids may be missing or unknown to the task."""


@runtime_checkable
class ReadsPredictions(Protocol):
    """A family whose answers can be scored from files, in the formats that its field uses."""

    def open_predictions(self, predictions: Path, references: Path | None, task: Task | None) -> Predicted:
        """Read a file of predictions, and of references where they have a file.

        `task` is the registered task that was named (``vqa/scenes``); None where the family alone was named, whose task
        is then made of `references`, or of the predictions where they say what belongs to what. Raises `DataError`
        for files that cannot be read, and for an id that stands there twice, with a list; `UsageError` where a file is
        needed and not given.
        """


@dataclass(frozen=True, slots=True)
class SampleScore:
    """What one sample got."""

    values: Mapping[str, float]
    """Column name to score."""
    status: ScoreStatus = "scored"
    """How it went; with ``unparsed`` or ``refused`` the values are 0. Of a truncated response it becomes ``truncated``."""
    answer: str | None = None
    """The answer as extracted from the output."""
    explanation: str | None = None
    """Why, where that needs words."""


FAILED: Mapping[str, ScoreStatus] = {"error": "error", "timeout": "error", "refused": "refused"}
"""Statuses of a response that decide the status of its score."""


def status_of(response: Response, read: ScoreStatus) -> ScoreStatus:
    """The status of a score, given what was read in the response.

    Args:
        response: The response, which did not fail.
        read: How its output was read: ``scored``, ``unparsed`` or ``error``.

    Returns:
        ``truncated`` for a truncated response whose output is none of an error; `read` otherwise.
    """
    return "truncated" if response.status == "truncated" and read != "error" else read


def best_choices(choices: Sequence[str], output: Output | None) -> tuple[list[str], str | None]:
    """The choices that a model scores highest, all that tie; or none, and why the output is no scores of these choices."""
    if output is None or isinstance(output, str) or len(output) != len(choices) or any(map(math.isnan, output)):
        given = "no output" if output is None else f"{len(output)} scores, or NaN among them,"
        return [], f"{given} for {len(choices)} choices"
    best = max(output)
    return [choice for choice, score in zip(choices, output, strict=True) if score == best], None


def shown_choices(tied: Sequence[str]) -> str:
    """The answer of a model that scores choices, as people see it."""
    return ("tie: " if len(tied) > 1 else "") + " | ".join(tied)


def output_for(request: Request, answer: str) -> Output:
    """An answer as a request asks for it: a text; for a `Choose` request, 1 for that choice and 0 for the others."""
    return [float(choice == answer) for choice in request.choices] if isinstance(request, Choose) else answer


def sample_table(
    samples: Sequence[Sample],
    status: Sequence[str],
    columns: Mapping[str, Any],
    answers: Sequence[str | None] | None = None,
    explanations: Sequence[str | None] = (),
    *,
    unit: str = "sample",
) -> ScoreTable:
    """The table with one row for each sample, with the samples' ids, clusters and slices.

    Args:
        samples: The samples, in the order of the rows.
        status: How each was scored.
        columns: As in `ScoreTable`.
        answers: As in `ScoreTable`.
        explanations: As in `ScoreTable`; left out where no row has one.
        unit: What a row is called.
    """
    return ScoreTable(
        unit=unit,
        unit_ids=[sample.id for sample in samples],
        cluster_ids=[sample.cluster for sample in samples],
        status=status,
        columns=columns,
        slices=slices_of(samples),
        answers=answers,
        explanations=explanations if any(explanations) else None,
    )


def slices_of(samples: Sequence[Sample]) -> dict[str, list[str]]:
    """Every slice that occurs among samples, by name, with the label of each sample (empty where it has none)."""
    names = sorted({name for sample in samples for name in sample.slices})
    return {name: [sample.slices.get(name, "") for sample in samples] for name in names}


class PerSampleTask:
    """Base of tasks that score each sample by itself, from one request.

    A subclass gives `columns` and `score_sample`; `score` then follows, and `solve` where the first reference is a right
    answer. Errors, time-outs and refusals never reach `score_sample`.
    """

    columns: tuple[str, ...] = ()
    """The names of the scores that `score_sample` returns."""

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        """Score one answered sample; the output is a text. Must be overridden."""
        raise TypeError(f"{type(self).__name__} does not define score_sample")

    def score_response(self, sample: Sample, response: Response) -> SampleScore:
        """Score one answered sample, also where the model gave scores for the sample's choices instead of a text.

        The choice with the highest score is then the answer; several that tie share it: the mean of what each would
        get, which is the expected value over random orders. Scores that do not fit the choices are an error.
        """
        output = response.output
        if isinstance(output, str):
            return self.score_sample(sample, response)
        tied, problem = best_choices(sample.choices or (), output)
        if problem is not None:
            return SampleScore(dict.fromkeys(self.columns, 0.0), "error", explanation=problem)
        scores = [self.choice_values(sample, choice) for choice in tied]
        values = {name: sum(score[name] for score in scores) / len(scores) for name in self.columns}
        return SampleScore(values, answer=shown_choices(tied))

    def chance(self, samples: Sequence[Sample]) -> Mapping[str, float]:
        """Metric id to the value that guessing uniformly is expected to get; empty unless a subclass knows it."""
        return {}

    def choice_values(self, sample: Sample, choice: str) -> Mapping[str, float]:
        """What a model gets for choosing this one of the sample's choices: as if it had written it."""
        return self.score_sample(sample, Response("ok", choice)).values

    def solve(self, sample: Sample, request: Request) -> Output:
        """The first reference, as the request asks for it."""
        return output_for(request, sample.references[0])

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """One table, ``sample``, with a row for each sample in their order."""
        zeros = dict.fromkeys(self.columns, 0.0)
        columns = {name: array("d") for name in self.columns}
        status: list[str] = []
        answers = LongTexts()
        explanations: list[str | None] = []
        for sample, (response,) in zip(samples, responses, strict=True):
            failed = FAILED.get(response.status)
            if failed is None:
                score = self.score_response(sample, response)
            else:
                score = SampleScore(zeros, failed, explanation=response.error)
            for name, column in columns.items():
                column.append(score.values[name] if score.status == "scored" else 0.0)
            cut = status_of(response, score.status)
            status.append(cut)
            answers.append(score.answer)
            explanations.append(response.error if cut == "truncated" else score.explanation)
        return {"sample": sample_table(samples, status, columns, answers.kept(), explanations)}
