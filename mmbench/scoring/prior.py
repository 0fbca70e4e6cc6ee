"""The blind prior: the most frequent training answer, overall or for each template of a question.

Its value on the samples of a run stands beside the model's own, and shows how much of it needs no image. Where captions
are scored, the prior is the one training caption that does best for every image (`mmbench.scoring.blind_caption`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mmbench.core.requests import Request
from mmbench.core.responses import Response
from mmbench.core.samples import Sample
from mmbench.core.task import TaskInfo
from mmbench.metrics.evaluate import evaluate
from mmbench.scoring.asked import AskedTask
from mmbench.scoring.blind_caption import best_caption, scores_captions

_WORD = re.compile(r"\w+")


class AnswerPrior:
    """Counts of training answers.

    "is there a red shape?" and "is there a blue shape?" share the template "is there a _ shape?": the words of a
    question with those of answers masked. A template that training never showed falls back to all counts.

    Args:
        task: The task that the samples belong to.
        train: Its training samples; the first reference of each is counted.
        requests: Makes the requests of a training sample; None to count without templates.
    """

    def __init__(
        self, task: TaskInfo, train: Sequence[Sample], requests: Callable[[Sample], Sequence[Request]] | None
    ) -> None:
        self._by_template: dict[str, Counter[str]] | None = None
        self._templates: dict[str, str] = {}
        if scores_captions(task):
            self._counts = Counter([best_caption([sample.references for sample in train])])
            return
        train = [sample for sample in train if sample.references]
        self._counts = Counter(sample.references[0] for sample in train)
        self._answer_words = frozenset(_words(self._counts))
        if requests is not None:
            self._by_template = self._count_templates(train, requests)

    def _count_templates(
        self, train: Sequence[Sample], requests: Callable[[Sample], Sequence[Request]]
    ) -> dict[str, Counter[str]]:
        counts: dict[tuple[Any, ...], Counter[str]] = {}
        example: dict[tuple[Any, ...], Sample] = {}
        for sample in train:
            # Samples that differ in their media alone share a template, so that requests are made of one of them only.
            key = tuple(part for part in sample.parts if isinstance(part, str)), sample.choices
            counts.setdefault(key, Counter())[sample.references[0]] += 1
            example[key] = sample
        found: dict[str, Counter[str]] = {}
        for key, counted in counts.items():
            for request in requests(example[key]):
                found.setdefault(self._template(request.text), Counter()).update(counted)
        return found

    def _template(self, text: str) -> str:
        template = self._templates.get(text)
        if template is None:
            template = " ".join("_" if word in self._answer_words else word for word in _words([text]))
            self._templates[text] = template
        return template

    def counts(self, request: Request) -> Counter[str]:
        """Training answer → how often it occurs, for questions of this request's template."""
        if self._by_template is None:
            return self._counts
        return self._by_template.get(self._template(request.text), self._counts)

    def answer(self, request: Request) -> str:
        """The most frequent answer (of the choices, where the request has some); alphabetically first among equals."""
        return _best(self.counts(request), getattr(request, "choices", None)) or _best(self._counts, None)


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in _WORD.findall(text.casefold())]


def _best(counts: Counter[str], choices: tuple[str, ...] | None) -> str:
    candidates = list(counts) if choices is None else list(choices)
    return min(candidates, key=lambda answer: (-counts[answer], answer), default="")


def prior_values(asked: AskedTask) -> dict[str, float]:
    """Primary metric id → value of the model ``template-prior``; empty if the task has no training answers to count."""
    task, info = asked.task, asked.task.info
    if "train" not in info.splits or asked.split == "train" or info.request_kinds != {"generate"}:
        return {}
    prior = AnswerPrior(info, task.samples("train"), task.requests)
    responses = [
        [Response("ok", prior.answer(request)) for request in task.requests(sample)] for sample in asked.samples
    ]
    tables = task.score(asked.samples, responses)
    values = {
        str(metric.id): evaluate(metric, tables[metric.unit]).value
        for metric in task.metrics
        if str(metric.id) in info.primary and metric.unit in tables
    }
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
