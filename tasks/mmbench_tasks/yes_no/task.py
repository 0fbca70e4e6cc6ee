"""A task of the family `yes-no`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmbench.core import (
    FAILED,
    CardTask,
    DataError,
    Metric,
    Output,
    Part,
    PerSampleTask,
    Prompt,
    Request,
    Response,
    Sample,
    SampleScore,
    ScoreTable,
    output_for,
)
from mmbench.data import Question
from mmbench.extract import Extractor, extractor_named
from mmbench_tasks.questions import cluster_of, interleaved
from mmbench_tasks.yes_no.card import MEANS, NO, YES, YesNoCard
from mmbench_tasks.yes_no.prompts import PROMPTS

CHOICES = (YES, NO)
_IMAGE = "image"


def _extractor(name: Any) -> str:
    return extractor_named(str(name), reads="text").name


class YesNoTask(CardTask[YesNoCard], PerSampleTask):
    """Questions that are answered yes or no.

    An output in which the extractor finds neither counts as wrong, and as no prediction of yes. Where a model scores the two
    choices, the score of yes is its share of the two probabilities. Errors cluster by the question's group, by image where it has
    none. Options: ``prompt`` and ``extractor``.
    """

    columns = ("accuracy",)
    scoring_options = ("extractor",)
    closed_answers = True
    prompt: Prompt
    extractor: Extractor

    def __init__(self, card: YesNoCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.prompt = PROMPTS.find(self.option("prompt"))
        self.extractor = extractor_named(self.extractor_name("question", "yes-no"))

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``prompt`` and ``extractor``."""
        return {"prompt": PROMPTS.option, "extractor": _extractor}

    @property
    def prompt_text(self) -> str:
        """The prompt in force, with its template."""
        return self.prompt.stated(repr(self.prompt.template("question")))

    @property
    def primary(self) -> tuple[str, ...]:
        """All metrics of the card."""
        return self.card.metrics

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those that the card names."""
        from mmbench.metrics import metric_from_id

        return [metric_from_id(name) for name in self.card.metrics]

    def sample(self, row: Question) -> Sample:
        """One question. Raises `DataError` where its answer is neither yes nor no."""
        answer = MEANS.get(row.answers[0].strip().lower())
        if answer is None:
            raise DataError(f"{self.card.name}, {row.id}: the answer is {row.answers[0][:60]!r}; expected yes or no")
        facts = {**row.meta, "question": row.question}
        return Sample(row.id, (*row.images, row.question), (answer,), CHOICES, cluster_of(row), row.slices, facts)

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The images, then the prompt with the question."""
        *images, question = sample.parts
        text = self.prompt.render("question", question=str(question))
        return interleaved(text, images)  # type: ignore[arg-type]

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`."""
        return [self.asked(sample)]

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        """1 for the right answer, 0 for the other and for an output without one."""
        found = self.extractor.extract(str(response.output), CHOICES)
        if found is None:
            why = f"extractor {self.extractor.name} finds neither yes nor no in it"
            return SampleScore({"accuracy": 0.0}, "unparsed", None, why)
        return SampleScore({"accuracy": float(found == sample.references[0])}, answer=found)

    def choice_values(self, sample: Sample, choice: str) -> Mapping[str, float]:
        """1 for the right choice."""
        return {"accuracy": float(choice == sample.references[0])}

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """The table of questions, and one for each kind of group."""
        from mmbench.metrics import binary_columns, group_table, score_column

        table = super().score(samples, responses)["sample"]
        scores = [
            self._score(response, answer) for (response,), answer in zip(responses, table.answers or (), strict=True)
        ]
        actual = [sample.references[0] == YES for sample in samples]
        named = [_named(score) for score in scores]
        columns = {**table.columns, **binary_columns(named, actual), **score_column(scores, actual)}
        table = replace(table, columns=_without_failed(columns, table.status))
        tables = {"sample": table}
        for unit, fact in self.card.groups.items():
            names = [str(sample.meta.get(fact) or "") for sample in samples]
            tables[unit] = group_table(table, names, unit=unit)
        if any(name.startswith("mme_") for name in self.card.metrics):
            tables[_IMAGE] = _with_mme(tables[_IMAGE], samples, table, self.card.groups[_IMAGE])
        return tables

    def _score(self, response: Response, answer: str | None) -> float:
        """The score of yes: its share where the model scored both, else 1 or 0 by the answer; NaN without one."""
        output = response.output
        if response.status in FAILED or answer is None:
            return math.nan
        if isinstance(output, str) or output is None:
            return float(answer == YES)
        yes, no = (float(value) for value in output)
        return 1 / (1 + math.exp(min(700.0, no - yes))) if math.isfinite(no - yes) else float(yes > no)

    def solve(self, sample: Sample, request: Request) -> Output:
        """The right answer."""
        return output_for(request, sample.references[0])

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Accuracy of a coin."""
        return {"accuracy": 0.5} if samples and "accuracy" in self.card.metrics else {}


def _named(score: float) -> float:
    """1 where yes is named, 0 where it is not, one half where the model scores both alike."""
    return 0.0 if math.isnan(score) else 0.5 if score == 0.5 else float(score > 0.5)


def _without_failed(columns: Mapping[str, Any], status: Sequence[str]) -> dict[str, Any]:
    """The columns with 0 in the rows that are outside values."""
    import numpy as np

    counted = np.array([each not in ("error", "skipped") for each in status])
    arrays = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    return {name: np.where(counted if each.ndim == 1 else counted[:, None], each, 0.0) for name, each in arrays.items()}


def _with_mme(images: ScoreTable, samples: Sequence[Sample], table: ScoreTable, fact: str) -> ScoreTable:
    """The table of images with what each adds to the scores of MME."""
    from mmbench.metrics import mme_columns

    tasks: dict[str, str] = {}
    right: dict[str, float] = {}
    for sample, value in zip(samples, table.columns["accuracy"], strict=True):
        name = str(sample.meta.get(fact) or "")
        tasks[name] = sample.slices["category"]
        right[name] = right.get(name, 0.0) + float(value)
    names = list(images.unit_ids)
    both = [float(value) for value in images.columns["all_right"]]
    columns = mme_columns([tasks[name] for name in names], [right[name] for name in names], both)
    return replace(images, columns={**images.columns, **_without_failed(columns, images.status)})
