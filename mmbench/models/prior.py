"""The blind controls that learn: the most frequent training answer, overall or for each template of a question.

Where captions are scored, both say the one training caption that does best when it is said of every training picture
(`mmbench.models.blind`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from mmbench.core.model import FitContext
from mmbench.core.requests import Choose, Generate, Request
from mmbench.core.samples import Sample
from mmbench.core.task import TaskInfo
from mmbench.models.blind import best_caption, scores_captions

_WORD = re.compile(r"\w+")


class Prior:
    """Give the most frequent training answer (among the question's choices, where it has a closed set)."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def fit(self, task: TaskInfo, train: Sequence[Sample], val: Sequence[Sample], context: FitContext) -> None:
        """Count the first reference of every training sample. `val` is not used: nothing is tuned."""
        del val, context
        if scores_captions(task):
            self._counts = Counter([best_caption([sample.references for sample in train])])
        else:
            self._counts = Counter(sample.references[0] for sample in train if sample.references)

    def _counts_for(self, request: Request) -> Counter[str]:
        del request
        return self._counts

    def generate(self, requests: Sequence[Generate]) -> list[str]:
        """The most frequent answer; the alphabetically first among equals."""
        return [_best(self._counts_for(request), request.choices) or _best(self._counts, None) for request in requests]

    def choose(self, requests: Sequence[Choose]) -> list[list[float]]:
        """How often each choice was a training answer."""
        return [[float(self._counts_for(r)[choice]) for choice in r.choices] for r in requests]


class TemplatePrior(Prior):
    """Give the most frequent training answer of the question's template: its words, answers masked out.

    "is there a red shape?" and "is there a blue shape?" share the template "is there a _ shape?". A template that
    training never showed falls back to the overall prior.
    """

    def __init__(self) -> None:
        super().__init__()
        self._answer_words: frozenset[str] = frozenset()
        self._by_template: dict[str, Counter[str]] = {}
        self._templates: dict[str, str] = {}

    def fit(self, task: TaskInfo, train: Sequence[Sample], val: Sequence[Sample], context: FitContext) -> None:
        """Count the first reference of every training sample, also by template."""
        super().fit(task, train, val, context)
        if scores_captions(task):
            return
        self._answer_words = frozenset(_words(self._counts))
        counts: dict[tuple[Any, ...], Counter[str]] = {}
        for sample in train:
            if sample.references:
                counts.setdefault(_words_of(sample), Counter())[sample.references[0]] += 1
        example = {_words_of(sample): sample for sample in train}
        for key, counted in counts.items():
            for request in context.requests(example[key]):
                self._by_template.setdefault(self._template(request.text), Counter()).update(counted)

    def _template(self, text: str) -> str:
        template = self._templates.get(text)
        if template is None:
            template = " ".join("_" if word in self._answer_words else word for word in _words([text]))
            self._templates[text] = template
        return template

    def _counts_for(self, request: Request) -> Counter[str]:
        return self._by_template.get(self._template(request.text), self._counts)


def _words_of(sample: Sample) -> tuple[Any, ...]:
    """All that a question's template depends on: samples that differ in their media alone share it."""
    return tuple(part for part in sample.parts if isinstance(part, str)), sample.choices


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in _WORD.findall(text.casefold())]


def _best(counts: Counter[str], choices: tuple[str, ...] | None) -> str:
    candidates = list(counts) if choices is None else list(choices)
    return min(candidates, key=lambda answer: (-counts[answer], answer), default="")
