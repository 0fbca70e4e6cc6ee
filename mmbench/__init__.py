"""mmbench: a benchmark and evaluation harness for multimodal models.

The functions are those of the command line: `run` evaluates models on tasks, `train` has models learn ahead of it, `merge` puts
shards together, and `score` takes a file of predictions in the place of a model. `load_run` reads a stored run, `samples` gives it
sample by sample, `metrics_frame` and `perf_frame` value by value, `rescore` applies today's metrics to it, `compare` says what sets
two runs apart, `explain` where the gap comes from, `report` ranks many, `plot` draws them, `export` writes them for other tools,
`import_run` reads theirs, `track` sends them to experiment trackers, and `gate` holds a run against limits and against a baseline of
`save_baseline`. The types that plug-ins are written with are here as well.

Everything loads when it is first used: importing this package imports nothing but the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench import _moved
from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.api.compare import Comparison, compare
    from mmbench.api.explain import Explanation, explain
    from mmbench.api.export import export
    from mmbench.api.frames import metrics_frame, perf_frame
    from mmbench.api.gate import GateResult, gate
    from mmbench.api.import_run import Imported, import_run
    from mmbench.api.load_run import StoredRun, load_run
    from mmbench.api.merge import MergeResult, merge
    from mmbench.api.plot import Plot, plot
    from mmbench.api.predict_costs import PredictedCost, predict_costs
    from mmbench.api.repair import Repaired, repair
    from mmbench.api.report import RunReport, report
    from mmbench.api.rescore import Rescored, rescore
    from mmbench.api.run import RunResult, run
    from mmbench.api.samples import samples
    from mmbench.api.save_baseline import SavedBaseline, save_baseline
    from mmbench.api.score import ScoreResult, score
    from mmbench.api.track import track
    from mmbench.api.train import TrainResult, train
    from mmbench.api.view import view
    from mmbench.api.workers import WorkerCount, workers
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
        ForeignSourceError,
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
        RenamedOptionError,
        RunFailedError,
        RunNotFoundError,
        Sample,
        SampleScore,
        ScoreTable,
        ShardRunError,
        StaleRunError,
        TaskInfo,
        TransientError,
        UnknownNameError,
        Usage,
        UsageError,
    )
    from mmbench.metrics.formulas import mean_metric
    from mmbench.results.run import Run, TaskResult

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
    "Explanation",
    "FitContext",
    "FitProgress",
    "ForeignSourceError",
    "GateResult",
    "Generate",
    "Generation",
    "Imported",
    "Learned",
    "Media",
    "MediaError",
    "MergeResult",
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
    "Plot",
    "PluginError",
    "PredictedCost",
    "RenamedOptionError",
    "Repaired",
    "Rescored",
    "Run",
    "RunFailedError",
    "RunNotFoundError",
    "RunReport",
    "RunResult",
    "Sample",
    "SampleScore",
    "SavedBaseline",
    "ScoreResult",
    "ScoreTable",
    "ShardRunError",
    "StaleRunError",
    "StoredRun",
    "TaskInfo",
    "TaskResult",
    "TrainResult",
    "TransientError",
    "UnknownNameError",
    "Usage",
    "UsageError",
    "WorkerCount",
    "compare",
    "explain",
    "export",
    "gate",
    "import_run",
    "load_run",
    "mean_metric",
    "merge",
    "metrics_frame",
    "perf_frame",
    "plot",
    "predict_costs",
    "repair",
    "report",
    "rescore",
    "run",
    "samples",
    "save_baseline",
    "score",
    "track",
    "train",
    "view",
    "workers",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "mmbench.api.compare": ("Comparison", "compare"),
        "mmbench.api.explain": ("Explanation", "explain"),
        "mmbench.api.export": ("export",),
        "mmbench.api.frames": ("metrics_frame", "perf_frame"),
        "mmbench.api.gate": ("GateResult", "gate"),
        "mmbench.api.import_run": ("Imported", "import_run"),
        "mmbench.api.load_run": ("StoredRun", "load_run"),
        "mmbench.api.merge": ("MergeResult", "merge"),
        "mmbench.api.plot": ("Plot", "plot"),
        "mmbench.api.predict_costs": ("PredictedCost", "predict_costs"),
        "mmbench.api.repair": ("Repaired", "repair"),
        "mmbench.api.report": ("RunReport", "report"),
        "mmbench.api.rescore": ("Rescored", "rescore"),
        "mmbench.api.run": ("RunResult", "run"),
        "mmbench.api.save_baseline": ("SavedBaseline", "save_baseline"),
        "mmbench.api.samples": ("samples",),
        "mmbench.api.score": ("ScoreResult", "score"),
        "mmbench.api.track": ("track",),
        "mmbench.api.train": ("TrainResult", "train"),
        "mmbench.api.view": ("view",),
        "mmbench.api.workers": ("WorkerCount", "workers"),
        "mmbench.results.run": ("Run", "TaskResult"),
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
            "ForeignSourceError",
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
            "RenamedOptionError",
            "RunFailedError",
            "RunNotFoundError",
            "ShardRunError",
            "StaleRunError",
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
