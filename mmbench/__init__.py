"""mmbench: a benchmark and evaluation harness for multimodal models.

``mmbench.run(model=…, tasks=…)`` is the main job; ``mmbench.train`` has models learn ahead of it. The nouns that plug-ins
are written with are here as well. Everything loads when it is first used: importing this package imports nothing but the
standard library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmbench.api import RunResult, run
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
        PerSampleTask,
        Sample,
        SampleScore,
        ScoreTable,
        TaskInfo,
        Usage,
    )
    from mmbench.metrics.formulas import mean_metric
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
    "PerSampleTask",
    "Sample",
    "SampleScore",
    "ScoreTable",
    "TaskInfo",
    "Usage",
)
_WHERE = {
    "run": "mmbench.api",
    "RunResult": "mmbench.api",
    "train": "mmbench.runner.training",
    "TrainResult": "mmbench.runner.training",
    "mean_metric": "mmbench.metrics.formulas",
    **dict.fromkeys(_CORE, "mmbench.core"),
}

__all__ = [
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
    "PerSampleTask",
    "RunResult",
    "Sample",
    "SampleScore",
    "ScoreTable",
    "TaskInfo",
    "TrainResult",
    "Usage",
    "mean_metric",
    "run",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mmbench' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_WHERE]
