"""Find stored runs by what users type: a path, the name of a folder, the name of a model, or the beginning of one."""

from __future__ import annotations

import contextlib
import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mmbench.core.errors import AmbiguousRunError, RunNotFoundError
from mmbench.core.ids import nearest_names
from mmbench.core.spec import RUNS
from mmbench.results.rundir import RunDirectory, folder_name

if TYPE_CHECKING:
    from mmbench.results.run import Run


def load_run(reference: str | Path, out: str | Path = RUNS, *, whole: bool = False) -> Run:
    """Read a stored run.

    Args:
        reference: A run directory, a file that ``mmbench baseline save`` made, or a name that `find_run` understands, such as that
            of a Python file with a model.
        out: The folder in which names are looked up.
        whole: Whether the beginning of a name is not enough.

    Returns:
        The run; its score tables and answers are read when they are first used.

    Raises:
        RunNotFoundError: If there is no such run.
        AmbiguousRunError: If the name is the beginning of several runs' names.
        NotComparableError: If a file of the run is damaged, or of a newer schema than this mmbench knows.
    """
    path = Path(reference)
    if _is_file(path) and path.name != "run.json" and path.suffix != ".py":  # a file of Python names the model in it
        from mmbench.results.saved import load_saved

        return load_saved(path)
    from mmbench.results.run import read_run

    return read_run(find_run(str(reference), Path(out), whole=whole))


def find_run(reference: str, out: Path, *, whole: bool = False) -> RunDirectory:
    """Find a run directory.

    An exact name wins over the beginning of one: ``ckpt-1000`` means that model also where there is a ``ckpt-10000``.

    Args:
        reference: A path; the name of a folder under `out`; a model's name, which means its newest run; or the beginning
            of the name of one folder.
        out: The folder in which names are looked up.
        whole: Whether the beginning of a name is not enough.

    Returns:
        The run's directory.

    Raises:
        RunNotFoundError: If there is no such run.
        AmbiguousRunError: If several runs' names begin so.
    """
    path = Path(reference)
    if _is_file(path / "run.json"):
        return RunDirectory(path)
    if path.name == "run.json" and _is_file(path):
        return RunDirectory(path.parent)
    name = folder_name(reference)
    there_are = sorted(found.parent for found in out.glob(f"{glob.escape(name)}*/run.json"))
    starting = [found for found in there_are if not is_shard(found)] or there_are
    of_model = [found for found in starting if _model_of(found) == name]
    exact = [found for found in there_are if found.name == name] or of_model
    if exact:
        return RunDirectory(max(exact, key=lambda found: (found / "run.json").stat().st_mtime))
    if starting and not whole:
        if len(starting) > 1:
            raise AmbiguousRunError(reference, out, [found.name for found in starting])
        return RunDirectory(starting[0])
    models = {_model_of(found.parent) for found in out.glob("*/run.json")}
    raise RunNotFoundError(reference, out, nearest_names(name, models))


_SHARD = re.compile(r"\.shard-[0-9]+-of-[0-9]+")


def is_shard(path: Path) -> bool:
    """Whether the name of a run directory is that of a shard."""
    return _SHARD.fullmatch(path.suffix) is not None


def is_exact(reference: str | Path, run: Run) -> bool:
    """Whether a reference names this one run, by its path or the whole name of its folder, and not whatever run a model has."""
    path = Path(reference)
    there = (_is_file(path) and path.name == "run.json") or _is_file(path / "run.json")
    return there or folder_name(str(reference)) == run.path.name


def _model_of(folder: Path) -> str:
    """The model's part of the name of a run's folder."""
    return folder.name.rpartition("--")[0]


def _is_file(path: Path) -> bool:
    with contextlib.suppress(OSError):  # a name that is too long for a path
        return path.is_file()
    return False
