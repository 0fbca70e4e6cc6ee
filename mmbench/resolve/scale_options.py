"""Options that spread a run over several commands, workers or machines.

Declared as those of `mmbench.resolve.options`, which says how; annotations are therefore evaluated in this module.
"""

from typing import Annotated, TypedDict

from mmbench.core.spec import Shard
from mmbench.resolve import forms
from mmbench.resolve.declared_option import Option


class ScaleOptions(TypedDict, total=False):
    """Keywords that say who asks which part of a run."""

    shard: Annotated[
        str | Shard | None,
        Option(
            "Ask only the K-th of N parts of the batches, as a run of its own; mmbench merge puts the parts together.",
            forms.shard(),
            "speed",
        ),
    ]
    workers: Annotated[
        int | None,
        Option(
            "Workers that ask the model at once, each with a model of its own: processes of this machine, or actors of --ray; "
            "default: 1, with --ray as many as the cluster has room for. Change it meanwhile with: mmbench workers RUN N.",
            forms.whole(1),
            "speed",
        ),
    ]
    gpus_per_worker: Annotated[
        int | None,
        Option(
            "GPUs that each of several workers sees; default: its part of those that there are.",
            forms.whole(0),
            "speed",
        ),
    ]
    cpus_per_worker: Annotated[
        int | None,
        Option(
            "CPUs and threads of each of several workers; default: its part of those that there are.",
            forms.whole(1),
            "speed",
        ),
    ]
    ray: Annotated[
        str | None,
        Option(
            "Ask on a Ray cluster, whose actors are the workers: auto (the one of this machine) or HOST:PORT of its head node.",
            forms.text("auto|ADDRESS"),
            "speed",
        ),
    ]
    ship_media: Annotated[
        bool,
        Option(
            "Send images to the workers of --ray, where they cannot read the files.",
            forms.flag(),
            "speed",
            default=False,
        ),
    ]
