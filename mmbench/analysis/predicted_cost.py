"""What other prompts would cost, by the sum that was fitted to the calls of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Self

from mmbench.core.errors import UsageError
from mmbench.results.run import Run
from mmbench.results.schema import CostFit, PerfScenario

_SHORT = {"in": "input_tokens", "mp": "megapixels", "out": "output_tokens"}
FORM = "in=TOKENS,mp=MEGAPIXELS,out=TOKENS"
"""How a mix is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptMix:
    """What a request holds, on average. What a fit has a term for must be said."""

    input_tokens: float | None = None
    """Tokens that are read; None: not said."""
    megapixels: float | None = None
    """Million pixels of its images; None: not said."""
    output_tokens: float | None = None
    """Tokens that are written; None: not said."""

    def __post_init__(self) -> None:
        """Raises `UsageError` for what is no amount."""
        for name, value in self.items():
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name}={value!r}: expected a number from 0")

    def items(self) -> list[tuple[str, float | None]]:
        """Name and value of each amount."""
        return [(each.name, getattr(self, each.name)) for each in fields(self)]

    @classmethod
    def read(cls, text: str) -> Self:
        """Read ``in=800,mp=0.3,out=120``; any of the three. Raises `UsageError`."""
        found: dict[str, float] = {}
        for part in text.split(","):
            name, _, value = part.partition("=")
            try:
                key, amount = _SHORT[name.strip()], float(value)
            except (KeyError, ValueError):
                raise UsageError(f"--predict {text!r}: expected {FORM}, or some of these") from None
            if key in found:
                raise UsageError(f"--predict {text!r}: {name.strip()} is named twice")
            found[key] = amount
        return cls(**found)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedCost:
    """What a request of a mix would cost a model."""

    task: str
    """The task whose calls were fitted."""
    unit: str
    """What is spent: ``s`` (time of the model) or ``USD``."""
    per_request: float
    """A request of the mix."""
    error: float
    """Mean absolute error of the fit, as a share of the mean cost of a call."""
    n: int
    """Calls that it was fitted to."""
    ignored: tuple[str, ...] = ()
    """Amounts of the mix that make no difference here: the run does not tell them, or they were alike in all its calls."""
    reasons: tuple[str, ...] = ()
    """Why the figures of the run must not be quoted; empty where they may be."""


def predict_costs(run: Run, mix: PromptMix) -> list[PredictedCost]:
    """Predict what a request costs, for each task of a run that has a fit.

    Args:
        run: The run.
        mix: The requests.

    Raises:
        UsageError: If nothing was fitted to this run, or the mix does not say what a request costs by.
    """
    found: list[PredictedCost] = []
    for name, task in run.tasks.items():
        scenario = None if task.perf is None else task.perf.quality
        if scenario is not None:
            found += [_predicted(name, fit, scenario, mix) for fit in scenario.fits]
    if not found:
        raise UsageError(
            f"{run.path}: no cost was fitted to its calls: that takes 20 calls after the warm-up that all ended well"
        )
    return found


def _predicted(task: str, fit: CostFit, scenario: PerfScenario, mix: PromptMix) -> PredictedCost:
    cost, ignored = fit.fixed, []
    for name, amount in mix.items():
        slope: float | None = getattr(fit, f"per_{name.removesuffix('s')}")
        if slope is None:
            ignored += [name] if amount else []
        elif amount is None:
            raise UsageError(f"{task}: a request costs by its {name.replace('_', ' ')} as well: say how many ({FORM})")
        else:
            cost += slope * amount
    reasons = tuple(reason.detail for reason in scenario.reasons)
    return PredictedCost(
        task=task, unit=fit.unit, per_request=cost, error=fit.error, n=fit.n, ignored=tuple(ignored), reasons=reasons
    )
