"""`mmbench.predict_costs`: what other prompts would cost a model, by the calls of a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmbench.analysis.predicted_cost import PredictedCost, PromptMix
from mmbench.analysis.predicted_cost import predict_costs as predict
from mmbench.api.references import reference_of
from mmbench.core.spec import RUNS
from mmbench.results import find

__all__ = ["PredictedCost", "predict_costs"]


def predict_costs(
    run: Any,
    *,
    input_tokens: float | None = None,
    megapixels: float | None = None,
    output_tokens: float | None = None,
    out: str | Path = RUNS,
) -> list[PredictedCost]:
    """What a request with so many tokens and pixels would cost, in seconds of the model and in US dollars.

    The sum was fitted to the calls of the run (`PerfScenario.fits`). It is straight: far from what the run has asked it may
    be wrong, and it knows nothing of other batch sizes or numbers of requests in flight.

    Args:
        run: A run directory, a name under `out`, or what `mmbench.run` or `mmbench.load_run` returned.
        input_tokens: Tokens that a request reads.
        megapixels: Million pixels of its images.
        output_tokens: Tokens that it writes.
        out: The folder of all runs.

    Returns:
        One prediction for each task and unit.

    Raises:
        UsageError: If there is no such run, nothing was fitted to it, or an amount is missing that its fit has a term for.

    Example:
        >>> import mmbench
        >>> mmbench.predict_costs("mymodel", input_tokens=800, output_tokens=120)  # doctest: +SKIP
    """
    mix = PromptMix(input_tokens=input_tokens, megapixels=megapixels, output_tokens=output_tokens)
    return predict(find.load_run(reference_of(run), out), mix)
