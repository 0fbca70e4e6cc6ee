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
