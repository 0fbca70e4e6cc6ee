"""`mmbench.train`: have models learn tasks ahead of any run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from mmbench.core.ids import names_of
from mmbench.resolve.options import OF_TRAIN, TrainOptions, checked
from mmbench.runner.execute.progress import progress_of
from mmbench.runner.learners import TrainResult, train_models

__all__ = ["TrainResult", "train"]


def train(model: Any, tasks: str | Iterable[str], **options: Unpack[TrainOptions]) -> TrainResult:
    """Build a model for each task and have it learn from the splits ``train`` and ``val``; ``test`` is not even read.

    What a model keeps in the folder of checkpoints, `mmbench.run` with the same seed and options finds there.

    Args:
        model: A name, an alias, a suite, an object with a method ``fit``, or a list of them.
        tasks: Names, separated by commas or in a list.
        options: As those of ``mmbench train`` (docs/reference/options.md), with underscores.

    Returns:
        What each model learned, with each seed.

    Raises:
        UsageError: For wrong names and options, and for a model that does not learn.
        RunFailedError: If a model fails.
        Interrupted: On a signal.

    Example:
        >>> import mmbench
        >>> result = mmbench.train("concat", "vqa/scenes", model_args={"steps": 1000})  # doctest: +SKIP
        >>> result.trained[0].learned.val  # doctest: +SKIP
        {'accuracy': 0.71}
    """
    options_read = checked(options, OF_TRAIN, "mmbench.train")
    return train_models(model, names_of(tasks), options_read, progress_of(options_read["progress"]))
