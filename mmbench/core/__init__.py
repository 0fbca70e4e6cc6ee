"""The nouns of mmbench, with the standard library alone.

Everything else may import this package; it imports nothing of mmbench outside itself.
"""

from mmbench.core.errors import (
    DataError,
    MediaError,
    MissingExtraError,
    MmbenchError,
    NotComparableError,
    PluginError,
    RunFailedError,
    UnknownNameError,
    UsageError,
)
from mmbench.core.ids import MetricId, derive_seed, nearest_names
from mmbench.core.media import Media, Source
from mmbench.core.metric import Metric
from mmbench.core.model import FitContext, ModelInfo, capabilities
from mmbench.core.requests import Choose, Embed, Generate, Request
from mmbench.core.responses import Generation, Response, Timing, Usage
from mmbench.core.samples import Part, Sample
from mmbench.core.scores import MetricValue, ScoreTable
from mmbench.core.spec import Batching, DataSource, RunSpec, Selection
from mmbench.core.task import (
    DatasetInfo,
    Family,
    PerSampleTask,
    SampleScore,
    Task,
    TaskInfo,
)

__all__ = [
    "Batching",
    "Choose",
    "DataError",
    "DataSource",
    "DatasetInfo",
    "Embed",
    "Family",
    "FitContext",
    "Generate",
    "Generation",
    "Media",
    "MediaError",
    "Metric",
    "MetricId",
    "MetricValue",
    "MissingExtraError",
    "MmbenchError",
    "ModelInfo",
    "NotComparableError",
    "Part",
    "PerSampleTask",
    "PluginError",
    "Request",
    "Response",
    "RunFailedError",
    "RunSpec",
    "Sample",
    "SampleScore",
    "ScoreTable",
    "Selection",
    "Source",
    "Task",
    "TaskInfo",
    "Timing",
    "UnknownNameError",
    "Usage",
    "UsageError",
    "capabilities",
    "derive_seed",
    "nearest_names",
]
