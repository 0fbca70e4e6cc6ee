"""A baseline as a model of mmbench: learns from a task's training split, or loads what it learned before.

Importing it loads no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mmbench.core import Choose, Embed, FitContext, Generate, Learned, PluginError, Sample, TaskInfo
from mmbench_baselines import catalog
from mmbench_baselines.settings import VERSION, Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmbench_baselines.trained import Trained

NEVER = -1e30
"""Log-probability of a choice that training never showed as an answer: below that of every other."""


class Baseline:
    """Base of the baselines: a subclass names one of `catalog.BASELINES`."""

    baseline: ClassVar[str] = ""
    """Name in `catalog.BASELINES`."""
    version: ClassVar[str] = VERSION
    """Of the code: the same settings, data and seed give the same weights, and these the same answers."""

    def __init__(self, **options: Any) -> None:
        self._settings = Settings.parse(self.baseline, options)
        self._trained: Trained | None = None
        self.learned = Learned()

    @classmethod
    def weights_digest(cls, **options: Any) -> str:
        """Digest of all that determines the weights beside data and seed.

        Raises `UnknownNameError` and `UsageError` for options, `MissingExtraError` without torch.
        """
        catalog.require_torch(f"baseline {cls.baseline!r}")
        settings = Settings.parse(cls.baseline, options)
        if settings.checkpoint is None:
            return settings.digest()
        from mmbench_baselines.training.checkpoint import load_card

        return load_card(Path(settings.checkpoint)).weights

    def fit(self, task: TaskInfo, train: Sequence[Sample], val: Sequence[Sample], context: FitContext) -> None:
        """Load what was learned from these samples with these settings and this seed, or learn it and keep it.

        Raises `RunFailedError` when the loss diverges or nothing can be written, `NotComparableError` for a checkpoint
        that is damaged, of other data or of another version.
        """
        from mmbench_baselines.training.fit import fit

        self._trained = fit(self._settings, task, (train, val), context)
        self.learned = self._trained.learned

    def _ready(self) -> Trained:
        if self._trained is None:
            raise PluginError(f"baseline {self.baseline!r} has learned nothing yet: call fit first")
        return self._trained

    def close(self) -> None:
        """Forget the weights."""
        self._trained = None


class AnsweringBaseline(Baseline):
    """Base of those with a fusion: they answer questions."""

    def generate(self, requests: Sequence[Generate]) -> list[str]:
        """The most probable answer among a question's choices; among all training answers where it is open."""
        trained = self._ready()
        answers = trained.card.answers
        best: list[str] = []
        for request, scores in zip(requests, trained.log_probabilities(requests), strict=True):
            places = range(len(answers)) if request.choices is None else trained.places(request.choices)
            known = [place for place in places if place is not None]
            fallback = "" if not request.choices else request.choices[0]
            best.append(answers[max(known, key=lambda place: scores[place])] if known else fallback)
        return best

    def choose(self, requests: Sequence[Choose]) -> list[list[float]]:
        """The log-probability of every choice; `NEVER` for one that was no training answer."""
        trained = self._ready()
        return [
            [NEVER if place is None else float(scores[place]) for place in trained.places(request.choices)]
            for request, scores in zip(requests, trained.log_probabilities(requests), strict=True)
        ]


class EmbeddingBaseline(Baseline):
    """Base of the two towers: they embed pictures and texts."""

    def embed(self, requests: Sequence[Embed]) -> NDArray[np.float32]:
        """Unit vectors, float32 [n, dim]."""
        return self._ready().embeddings(requests)


class CaptioningBaseline(Baseline):
    """Base of the captioners: they write about pictures, and do not read what they are asked."""

    def generate(self, requests: Sequence[Generate]) -> list[str]:
        """A caption for the picture of each request: at most `max_new_tokens` words and marks, nothing from a `stop` on."""
        return self._ready().captions(requests)
