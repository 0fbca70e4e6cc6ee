"""Tell contestants from the models that only show what a number is worth: baselines and controls."""

from __future__ import annotations

from typing import Literal

from mmbench.results.schema import ModelEntry

Role = Literal["contestant", "baseline", "control"]
"""``control``: answers without looking (random, constant, priors) or by looking at the references (oracle);
``baseline``: one of the small models that come with mmbench; ``contestant``: everything else."""

_CONTROLS = ("mmbench.models.controls", "mmbench.models.prior")
_BASELINES = ("mmbench_baselines", "mmbench.baselines")
"""Packages whose models are baselines; the second is what the package was called before schema version 7."""


def role_of(model: ModelEntry) -> Role:
    """The role of a model, by the module that it was loaded from."""
    module = model.reference.partition(":")[0]
    if module in _CONTROLS:
        return "control"
    return "baseline" if any(f"{module}.".startswith(f"{package}.") for package in _BASELINES) else "contestant"
