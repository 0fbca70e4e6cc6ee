"""Load the runs that users name, and say which of them were made with another version of the model's file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mmbench.core.errors import StaleRunError
from mmbench.results.find import is_exact, load_run
from mmbench.results.run import Run
from mmbench.results.source_files import source_digest, source_path

STALE = "stale"
"""Name of the allowance for runs that are named by their model, although its file has changed since."""


def load_current(references: Sequence[str], out: Path, allow: Iterable[str] = ()) -> tuple[list[Run], list[str]]:
    """Load runs, and hold each against the file of its model.

    Args:
        references: What `load_run` understands.
        out: The folder in which names are looked up.
        allow: `STALE` where a run may be named by a model that has changed since.

    Returns:
        The runs, and a note for each whose model's file has changed since; none for saved baselines.

    Raises:
        StaleRunError: For such a run that was named by its model, or by the beginning of a name: whoever types the name of
            a model means the model as it is.
        NotComparableError: As `load_run`, and so `RunNotFoundError`.
    """
    runs, notes, allowed = [], [], STALE in set(allow)
    for reference in references:
        run = load_run(reference, out)
        runs.append(run)
        if run.path.is_file() or (file := changed_file(run)) is None:
            continue  # a saved baseline is meant to be older than the model
        if not allowed and not is_exact(reference, run):
            raise StaleRunError(reference, run.path, file)
        notes.append(f"{run.path} was made before {file} changed: its values are not those of the model as it is now")
    return runs, notes


def changed_file(run: Run) -> Path | None:
    """The file of a run's model, where it has changed since; None where it has not, and where nobody can tell.

    That is known of models from a Python file, module or package that lies where it lay, seen from the working directory.
    """
    known = run.model.source_digest
    path = None if known is None else source_path(run.model.reference)
    return path if path is not None and source_digest(path) != known else None
