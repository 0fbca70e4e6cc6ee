"""The nouns of mmbench, with the standard library alone.

Everything else may import this package; it imports nothing of mmbench outside itself. Each name loads its module when it
is first used, which keeps start-up short.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmbench.core.errors import (
        DataError,
        MediaError,
        MissingExtraError,
        MmbenchError,
        ModelUnusableError,
        NotComparableError,
        PluginError,
        RunFailedError,
        TransientError,
        UnknownNameError,
        UsageError,
    )
    from mmbench.core.ids import MetricId, derive_seed, nearest_names
    from mmbench.core.media import Media, Source
    from mmbench.core.metric import Metric
    from mmbench.core.model import FitContext, FitProgress, Learned, ModelInfo, capabilities
    from mmbench.core.requests import Choose, Embed, Generate, Request
    from mmbench.core.responses import Generation, Response, Timing, Usage
    from mmbench.core.samples import Part, Sample
    from mmbench.core.scores import MetricValue, ScoreTable
    from mmbench.core.spec import Batching, DataSource, RunSpec, Selection, Suite
    from mmbench.core.task import (
        DatasetInfo,
        Family,
        PerSampleTask,
        Predicted,
        ReadsPredictions,
        SampleScore,
        Task,
        TaskInfo,
    )

_NAMES = {
    "errors": (
        "DataError",
        "MediaError",
        "MissingExtraError",
        "MmbenchError",
        "ModelUnusableError",
        "NotComparableError",
        "PluginError",
        "RunFailedError",
        "TransientError",
        "UnknownNameError",
        "UsageError",
    ),
    "ids": (
        "MetricId",
        "derive_seed",
        "nearest_names",
    ),
    "media": (
        "Media",
        "Source",
    ),
    "metric": ("Metric",),
    "model": (
        "FitContext",
        "FitProgress",
        "Learned",
        "ModelInfo",
        "capabilities",
    ),
    "requests": (
        "Choose",
        "Embed",
        "Generate",
        "Request",
    ),
    "responses": (
        "Generation",
        "Response",
        "Timing",
        "Usage",
    ),
    "samples": (
        "Part",
        "Sample",
    ),
    "scores": (
        "MetricValue",
        "ScoreTable",
    ),
    "spec": (
        "Batching",
        "DataSource",
        "RunSpec",
        "Selection",
        "Suite",
    ),
    "task": (
        "DatasetInfo",
        "Family",
        "PerSampleTask",
        "Predicted",
        "ReadsPredictions",
        "SampleScore",
        "Task",
        "TaskInfo",
    ),
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "Batching",
    "Choose",
    "DataError",
    "DataSource",
    "DatasetInfo",
    "Embed",
    "Family",
    "FitContext",
    "FitProgress",
    "Generate",
    "Generation",
    "Learned",
    "Media",
    "MediaError",
    "Metric",
    "MetricId",
    "MetricValue",
    "MissingExtraError",
    "MmbenchError",
    "ModelInfo",
    "ModelUnusableError",
    "NotComparableError",
    "Part",
    "PerSampleTask",
    "PluginError",
    "Predicted",
    "ReadsPredictions",
    "Request",
    "Response",
    "RunFailedError",
    "RunSpec",
    "Sample",
    "SampleScore",
    "ScoreTable",
    "Selection",
    "Source",
    "Suite",
    "Task",
    "TaskInfo",
    "Timing",
    "TransientError",
    "UnknownNameError",
    "Usage",
    "UsageError",
    "capabilities",
    "derive_seed",
    "nearest_names",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mmbench.core' has no attribute {name!r}")
    return getattr(import_module(f"mmbench.core.{_WHERE[name]}"), name)
