"""Load the runs that users name, and say which of them were made with another version of the model's file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmbench.core.errors import MmbenchError, StaleRunError
from mmbench.results.find import is_exact, load_run
from mmbench.results.run import Run
from mmbench.results.schema import ModelEntry
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
    """The file or folder of a run's model, where it has changed since; None where it has not, and where nobody can tell.

    That is known of models from a Python file, module or package that lies where it lay, seen from the working directory, and of
    the adapters of this package that load a file or folder: a checkpoint, stored answers.
    """
    known = run.model.source_digest
    path = None if known is None else source_path(run.model.reference)
    if path is not None and source_digest(path) != known:
        return path
    return _changed_weights(run.model)


def _changed_weights(model: ModelEntry) -> Path | None:
    """The first file or folder among the options of an adapter, where the model's digest is not what it was."""
    target = model.reference.partition(" (")[0]
    places = [Path(value) for value in model.options.values() if isinstance(value, str) and _is_there(value)]
    if not target.startswith("mmbench.models.") or model.version is None or not places:
        return None
    from mmbench import registry
    from mmbench.resolve.model_names import resolve_model

    try:
        name = next(plugin.name for plugin in registry.plugins("model") if plugin.target == target)
        found = resolve_model(name, model.options)
    except (MmbenchError, StopIteration):  # what is there now cannot be loaded, or the adapter is gone
        return None
    same = model.digest in (found.digest, *found.identity.former) or found.identity.version != model.version
    return None if same else places[0]


def _is_there(text: str) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a name that is too long, or no name
        return Path(text).exists()
    return False
