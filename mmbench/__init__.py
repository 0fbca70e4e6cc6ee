"""mmbench: a benchmark and evaluation harness for multimodal models.

``mmbench.run(model=…, tasks=…)`` is the main job; ``mmbench.train`` has models learn ahead of it, ``mmbench.score`` takes
a file of predictions in the place of a model, and ``mmbench.compare`` says what sets two runs apart. The nouns that plug-ins are
written with are here as well. Everything loads when it is first used: importing this package imports nothing but the standard library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmbench.api import RunResult, run
    from mmbench.compare import compare
    from mmbench.compare.differences import Comparison
    from mmbench.core import (
        Choose,
        DatasetInfo,
        Embed,
        FitContext,
        FitProgress,
        Generate,
        Generation,
        Learned,
        Media,
        Metric,
        MetricId,
        MmbenchError,
        ModelInfo,
        ModelUnusableError,
        PerSampleTask,
        Sample,
        SampleScore,
        ScoreTable,
        TaskInfo,
        TransientError,
        Usage,
    )
    from mmbench.metrics.formulas import mean_metric
    from mmbench.runner.predictions import ScoreResult, score
    from mmbench.runner.training import TrainResult, train

__version__ = "0.1.0"

_CORE = (
    "Choose",
    "DatasetInfo",
    "Embed",
    "FitContext",
    "FitProgress",
    "Generate",
    "Generation",
    "Learned",
    "Media",
    "Metric",
    "MetricId",
    "MmbenchError",
    "ModelInfo",
    "ModelUnusableError",
    "PerSampleTask",
    "Sample",
    "SampleScore",
    "ScoreTable",
    "TaskInfo",
    "TransientError",
    "Usage",
)
_WHERE = {
    "run": "mmbench.api",
    "RunResult": "mmbench.api",
    "Comparison": "mmbench.compare.differences",
    "score": "mmbench.runner.predictions",
    "ScoreResult": "mmbench.runner.predictions",
    "train": "mmbench.runner.training",
    "TrainResult": "mmbench.runner.training",
    "mean_metric": "mmbench.metrics.formulas",
    **dict.fromkeys(_CORE, "mmbench.core"),
}

__all__ = [
    "Choose",
    "Comparison",
    "DatasetInfo",
    "Embed",
    "FitContext",
    "FitProgress",
    "Generate",
    "Generation",
    "Learned",
    "Media",
    "Metric",
    "MetricId",
    "MmbenchError",
    "ModelInfo",
    "ModelUnusableError",
    "PerSampleTask",
    "RunResult",
    "Sample",
    "SampleScore",
    "ScoreResult",
    "ScoreTable",
    "TaskInfo",
    "TrainResult",
    "TransientError",
    "Usage",
    "compare",
    "mean_metric",
    "run",
    "score",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "compare":  # a package that can be called: it would hide a function of its name
        return import_module("mmbench.compare")
    if name not in _WHERE:
        raise AttributeError(f"module 'mmbench' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_WHERE, "compare"]
