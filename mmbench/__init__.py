"""mmbench: a benchmark and evaluation harness for multimodal models.

``mmbench.run(model=…, tasks=…)`` is the main job; ``mmbench.train`` has models learn ahead of it, ``mmbench.score`` takes
a file of predictions in the place of a model, ``mmbench.compare`` says what sets two runs apart, and ``mmbench.load_run`` reads a
stored run. The nouns that plug-ins are
written with are here as well. Everything loads when it is first used: importing this package imports nothing but the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench import _moved
from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.api.compare import compare
    from mmbench.api.run import RunResult, run
    from mmbench.api.score import ScoreResult, score
    from mmbench.comparison.differences import Comparison
    from mmbench.core import (
        AmbiguousRunError,
        CardFamily,
        CardTask,
        Choose,
        DamagedFileError,
        DataError,
        DatasetCard,
        DatasetInfo,
        Embed,
        FitContext,
        FitProgress,
        Generate,
        Generation,
        Learned,
        Media,
        MediaError,
        Metric,
        MetricId,
        MissingBaselineError,
        MissingExtraError,
        MissingPackageError,
        MmbenchError,
        ModelInfo,
        ModelUnusableError,
        NewerSchemaError,
        NotComparableError,
        OptionError,
        PerSampleTask,
        PluginError,
        RunFailedError,
        RunNotFoundError,
        Sample,
        SampleScore,
        ScoreTable,
        TaskInfo,
        TransientError,
        UnknownNameError,
        Usage,
        UsageError,
    )
    from mmbench.metrics.formulas import mean_metric
    from mmbench.results.find import load_run
    from mmbench.results.run import Run, TaskResult
    from mmbench.runner.training import TrainResult, train

__version__ = "0.1.0"

__all__ = [
    "AmbiguousRunError",
    "CardFamily",
    "CardTask",
    "Choose",
    "Comparison",
    "DamagedFileError",
    "DataError",
    "DatasetCard",
    "DatasetInfo",
    "Embed",
    "FitContext",
    "FitProgress",
    "Generate",
    "Generation",
    "Learned",
    "Media",
    "MediaError",
    "Metric",
    "MetricId",
    "MissingBaselineError",
    "MissingExtraError",
    "MissingPackageError",
    "MmbenchError",
    "ModelInfo",
    "ModelUnusableError",
    "NewerSchemaError",
    "NotComparableError",
    "OptionError",
    "PerSampleTask",
    "PluginError",
    "Run",
    "RunFailedError",
    "RunNotFoundError",
    "RunResult",
    "Sample",
    "SampleScore",
    "ScoreResult",
    "ScoreTable",
    "TaskInfo",
    "TaskResult",
    "TrainResult",
    "TransientError",
    "UnknownNameError",
    "Usage",
    "UsageError",
    "compare",
    "load_run",
    "mean_metric",
    "run",
    "score",
    "train",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "mmbench.api.compare": ("compare",),
        "mmbench.api.run": ("RunResult", "run"),
        "mmbench.api.score": ("ScoreResult", "score"),
        "mmbench.comparison.differences": ("Comparison",),
        "mmbench.results.find": ("load_run",),
        "mmbench.results.run": ("Run", "TaskResult"),
        "mmbench.runner.training": ("TrainResult", "train"),
        "mmbench.metrics.formulas": ("mean_metric",),
        "mmbench.core": (
            "AmbiguousRunError",
            "CardFamily",
            "CardTask",
            "Choose",
            "DamagedFileError",
            "DataError",
            "DatasetCard",
            "DatasetInfo",
            "Embed",
            "FitContext",
            "FitProgress",
            "Generate",
            "Generation",
            "Learned",
            "Media",
            "MediaError",
            "Metric",
            "MetricId",
            "MissingBaselineError",
            "MissingExtraError",
            "MissingPackageError",
            "MmbenchError",
            "ModelInfo",
            "ModelUnusableError",
            "NewerSchemaError",
            "NotComparableError",
            "OptionError",
            "PerSampleTask",
            "PluginError",
            "RunFailedError",
            "RunNotFoundError",
            "Sample",
            "SampleScore",
            "ScoreTable",
            "TaskInfo",
            "TransientError",
            "UnknownNameError",
            "Usage",
            "UsageError",
        ),
    },
)

_moved.install()
