"""Baselines as models of mmbench: they train on a task's training split, or load the weights of an earlier training.

Importing it loads no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mmbench.core import Choose, Embed, FitContext, Generate, Learned, PluginError, Sample, TaskInfo
from mmbench_baselines import catalog
from mmbench_baselines.settings import VERSION, Settings
from mmbench_baselines.threads import compute_threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmbench_baselines.examples import Examples
    from mmbench_baselines.trained import Trained

NEVER = -1e30
"""Log-probability of a choice that was no training answer: below that of every other choice."""


class Baseline:
    """Base of the baselines. A subclass names one of `catalog.BASELINES`."""

    baseline: ClassVar[str] = ""
    """Name in `catalog.BASELINES`."""
    version: ClassVar[str] = VERSION
    """Of the code: the same settings, data and seed give the same weights, and these the same answers."""
    max_images: ClassVar[int] = 1
    """A baseline encodes at most one image of a request."""

    def __init__(self, **options: Any) -> None:
        self._settings = Settings.parse(self.baseline, options)
        self._trained: Trained | None = None
        self._threads: int | None = None
        self.learned = Learned()

    @classmethod
    def weights_digest(cls, **options: Any) -> str:
        """Return the digest of everything that determines the weights besides data and seed.

        Raises:
            UnknownNameError: For an option that the baseline does not have.
            UsageError: For a value that an option does not take.
            MissingExtraError: If torch is not installed.
        """
        catalog.require_torch(f"baseline {cls.baseline!r}")
        settings = Settings.parse(cls.baseline, options)
        if settings.checkpoint is None:
            return settings.digest()
        from mmbench_baselines.training.checkpoint import load_card

        return load_card(Path(settings.checkpoint)).weights

    def fit(self, task: TaskInfo, train: Sequence[Sample], val: Sequence[Sample], context: FitContext) -> None:
        """Load the weights of these samples, settings and seed, or train them and keep them.

        Raises:
            RunFailedError: If the loss diverges, or the checkpoint cannot be written.
            NotComparableError: If a checkpoint is damaged, or belongs to other data or another version.
        """
        self._threads = context.threads
        with compute_threads(self._threads):
            from mmbench_baselines.training.fit import fit

            self._trained = fit(self._settings, task, (train, val), context)
        self.learned = self._trained.learned

    def close(self) -> None:
        """Release the weights."""
        self._trained = None

    @property
    def _ready(self) -> Trained:
        if self._trained is None:
            raise PluginError(f"baseline {self.baseline!r} has not been trained: call fit first")
        return self._trained


class AnsweringBaseline(Baseline):
    """Base of the fusions: they answer questions."""

    def collate(self, requests: Sequence[Generate | Choose]) -> Examples:
        """Decode images and look words up, ahead of the model."""
        return self._ready.examples(requests)

    def generate(self, requests: Sequence[Generate], inputs: Examples | None = None) -> list[str]:
        """Answer with the most probable choice, or with the most probable training answer where a question is open."""
        answers = self._ready.card.answers
        best: list[str] = []
        for request, scores in zip(requests, self._scores(requests, inputs), strict=True):
            places = range(len(answers)) if request.choices is None else self._ready.places(request.choices)
            known = [place for place in places if place is not None]
            fallback = "" if not request.choices else request.choices[0]
            best.append(answers[max(known, key=lambda place: scores[place])] if known else fallback)
        return best

    def choose(self, requests: Sequence[Choose], inputs: Examples | None = None) -> list[list[float]]:
        """Give the log-probability of every choice, `NEVER` for one that was no training answer."""
        return [
            [NEVER if place is None else float(scores[place]) for place in self._ready.places(request.choices)]
            for request, scores in zip(requests, self._scores(requests, inputs), strict=True)
        ]

    def _scores(self, requests: Sequence[Generate | Choose], inputs: Examples | None) -> NDArray[np.float32]:
        with compute_threads(self._threads):
            return self._ready.log_probabilities(self.collate(requests) if inputs is None else inputs)


class EmbeddingBaseline(Baseline):
    """Base of the two towers: they embed images and texts."""

    def embed(self, requests: Sequence[Embed]) -> NDArray[np.float32]:
        """Give unit vectors, float32 [n, dim]."""
        with compute_threads(self._threads):
            return self._ready.embeddings(requests)


class CaptioningBaseline(Baseline):
    """Base of the captioners: they describe images and do not read the prompt."""

    def generate(self, requests: Sequence[Generate]) -> list[str]:
        """Describe the image of each request in at most `max_new_tokens` words and marks, up to any text of `stop`."""
        with compute_threads(self._threads):
            return self._ready.captions(requests)
