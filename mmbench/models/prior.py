"""The blind controls that learn: the most frequent training answer, overall or for each template of a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from mmbench.core.model import MODALITIES, FitContext
from mmbench.core.requests import Choose, Generate
from mmbench.core.samples import Sample
from mmbench.core.task import TaskInfo


class Prior:
    """Give the most frequent training answer (among the question's choices, where it has a closed set)."""

    version = "1"
    modalities = MODALITIES
    by_template: ClassVar[bool] = False

    def fit(self, task: TaskInfo, train: Sequence[Sample], val: Sequence[Sample], context: FitContext) -> None:
        """Count the first reference of every training sample. `val` is not used: nothing is tuned."""
        from mmbench.scoring.prior import AnswerPrior

        del val
        self._prior = AnswerPrior(task, train, context.requests if self.by_template else None)

    def generate(self, requests: Sequence[Generate]) -> list[str]:
        """The most frequent answer; the alphabetically first among equals."""
        return [self._prior.answer(request) for request in requests]

    def choose(self, requests: Sequence[Choose]) -> list[list[float]]:
        """How often each choice was a training answer."""
        return [[float(self._prior.counts(request)[choice]) for choice in request.choices] for request in requests]


class TemplatePrior(Prior):
    """Give the most frequent training answer of the question's template: its words, answers masked out.

    "is there a red shape?" and "is there a blue shape?" share the template "is there a _ shape?". A template that
    training never showed falls back to the overall prior.
    """

    by_template = True
