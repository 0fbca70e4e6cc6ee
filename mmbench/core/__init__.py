"""The nouns of mmbench, with the standard library alone.

Everything else may import this package; it imports nothing of mmbench outside itself. Each name loads its module when it
is first used, which keeps start-up short.
"""

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.core.errors import (
        AmbiguousRunError,
        DamagedFileError,
        DataError,
        MediaError,
        MissingBaselineError,
        MissingExtraError,
        MissingPackageError,
        MmbenchError,
        ModelUnusableError,
        NewerSchemaError,
        NotComparableError,
        OptionError,
        PluginError,
        RenamedOptionError,
        RunFailedError,
        RunNotFoundError,
        TransientError,
        UnknownNameError,
        UsageError,
    )
    from mmbench.core.ids import MetricId, derive_seed, nearest_names
    from mmbench.core.media import Media, Source
    from mmbench.core.metric import Metric
    from mmbench.core.model import FitContext, FitProgress, Learned, ModelInfo, capabilities
    from mmbench.core.requests import Choose, Embed, Generate, Request
    from mmbench.core.responses import Call, Generation, Response, Usage
    from mmbench.core.samples import Part, Sample
    from mmbench.core.scores import MetricValue, ScoreTable
    from mmbench.core.spec import DataSource, RunSpec, Selection, Suite
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

__all__ = [
    "AmbiguousRunError",
    "Call",
    "Choose",
    "DamagedFileError",
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
    "MissingBaselineError",
    "MissingExtraError",
    "MissingPackageError",
    "MmbenchError",
    "ModelInfo",
    "ModelUnusableError",
    "NewerSchemaError",
    "NotComparableError",
    "OptionError",
    "Part",
    "PerSampleTask",
    "PluginError",
    "Predicted",
    "ReadsPredictions",
    "RenamedOptionError",
    "Request",
    "Response",
    "RunFailedError",
    "RunNotFoundError",
    "RunSpec",
    "Sample",
    "SampleScore",
    "ScoreTable",
    "Selection",
    "Source",
    "Suite",
    "Task",
    "TaskInfo",
    "TransientError",
    "UnknownNameError",
    "Usage",
    "UsageError",
    "capabilities",
    "derive_seed",
    "nearest_names",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "mmbench.core.errors": (
            "AmbiguousRunError",
            "DamagedFileError",
            "DataError",
            "MediaError",
            "MissingBaselineError",
            "MissingExtraError",
            "MissingPackageError",
            "MmbenchError",
            "ModelUnusableError",
            "NewerSchemaError",
            "NotComparableError",
            "OptionError",
            "PluginError",
            "RenamedOptionError",
            "RunFailedError",
            "RunNotFoundError",
            "TransientError",
            "UnknownNameError",
            "UsageError",
        ),
        "mmbench.core.ids": (
            "MetricId",
            "derive_seed",
            "nearest_names",
        ),
        "mmbench.core.media": (
            "Media",
            "Source",
        ),
        "mmbench.core.metric": ("Metric",),
        "mmbench.core.model": (
            "FitContext",
            "FitProgress",
            "Learned",
            "ModelInfo",
            "capabilities",
        ),
        "mmbench.core.requests": (
            "Choose",
            "Embed",
            "Generate",
            "Request",
        ),
        "mmbench.core.responses": (
            "Call",
            "Generation",
            "Response",
            "Usage",
        ),
        "mmbench.core.samples": (
            "Part",
            "Sample",
        ),
        "mmbench.core.scores": (
            "MetricValue",
            "ScoreTable",
        ),
        "mmbench.core.spec": (
            "DataSource",
            "RunSpec",
            "Selection",
            "Suite",
        ),
        "mmbench.core.task": (
            "DatasetInfo",
            "Family",
            "PerSampleTask",
            "Predicted",
            "ReadsPredictions",
            "SampleScore",
            "Task",
            "TaskInfo",
        ),
    },
)
