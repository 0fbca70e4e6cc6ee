"""`mmbench.save_baseline`: keep a run as a small file, for `mmbench.gate`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmbench.api.references import reference_of
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.resolve.allowances import allowances
from mmbench.results import baseline
from mmbench.results.baseline import SavedBaseline

__all__ = ["SavedBaseline", "save_baseline"]


def save_baseline(
    run: Any, file: str | Path, *, out: str | Path = RUNS, allow: str | Iterable[str] = ()
) -> SavedBaseline:
    """Save a run as a baseline, in place of the one that the file may hold.

    The file holds the score of every sample, but neither samples nor answers, and is small enough for git.

    Args:
        run: A run directory, a name under `out`, or what `mmbench.run` or `mmbench.load_run` returned.
        file: The file. Its folder is made where it is not there.
        out: The folder of all runs.
        allow: ``partial``: a first baseline may be of a part of its split; ``imported``: another tool may have made the run.

    Returns:
        The baseline before, if the file held one, and after.

    Raises:
        UsageError: If there is no such run, or the file cannot be written there.
        NotComparableError: If the run is imported, damaged or incomplete, lacks a sample or a value, is a first baseline of a part of its
            split, or has fewer samples of the same data than the baseline that it would replace.

    Example:
        >>> import mmbench
        >>> saved = mmbench.save_baseline("concat", "gates/concat.json")  # doctest: +SKIP
        >>> mmbench.gate("mymodel", baselines=saved.after).exit_code  # doctest: +SKIP
        0
    """
    allowed = allowances(names_of(allow), (baseline.PARTIAL, baseline.IMPORTED))
    return baseline.save_baseline(reference_of(run), Path(file).expanduser(), Path(out), allowed)
