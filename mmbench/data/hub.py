"""Datasets on the Hugging Face hub: what lies in its cache on this machine, and what is fetched into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from mmbench.core import DataError, MissingExtraError
from mmbench.data.distribution import Hub
from mmbench.data.hf_home import cache_folder
from mmbench.data.tables.folder import hub_table, needed_files
from mmbench.data.tables.shards import EXTRA
from mmbench.data.tables.table import Table

_TRUE = ("1", "ON", "YES", "TRUE")
Note = Callable[[str], None]
"""Is told what is about to be fetched, a sentence each."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A dataset at one commit, on this machine."""

    repository: str
    """``owner/name`` under which it was found."""
    revision: str
    """The full hash of the commit."""
    folder: Path
    """Where its files lie."""
    table: Table
    """Its rows."""
    note: str
    """Where it came from, in one sentence."""


def is_offline() -> bool:
    """Whether the Hugging Face libraries are told to stay off the network."""
    return any(os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))


def cached(hub: Hub, split: str) -> Snapshot | None:
    """The dataset as it lies in the hub's cache, under any of its names; None where not all of it is there."""
    for name in hub.ids:
        repository = cache_folder() / f"datasets--{name.replace('/', '--')}"
        revision = hub.revision
        if not revision:
            ref = repository / "refs" / "main"
            revision = ref.read_text(encoding="utf-8").strip() if ref.is_file() else ""
        folder = repository / "snapshots" / revision
        if revision and folder.is_dir():
            try:
                return _snapshot(hub, name, revision, folder, split)
            except DataError:
                continue
    return None


def fetched(hub: Hub, split: str, *, note: Note | None = None) -> Snapshot:
    """The dataset from the hub's cache, and first into it where it is not there; what was begun is gone on with.

    Args:
        hub: The dataset.
        split: The card's name of the split.
        note: Is told what is fetched.

    Raises:
        DataError: If it cannot be had: no network, a revision that is gone, terms that nobody accepted.
        MissingExtraError: If ``huggingface_hub`` is not installed.
    """
    found = cached(hub, split)
    if found is not None:
        return found
    if is_offline():
        raise DataError(
            f"{hub.id} is not on this machine, and the network is forbidden (--offline, HF_HUB_OFFLINE); looked in {cache_folder()}"
        )
    problems: list[DataError] = []
    for name in hub.ids:
        try:
            return _fetch(hub, name, split, note)
        except _AbsentError as error:
            problems.append(error)
    raise problems[0]


class _AbsentError(DataError):
    """There is no such repository; another owner may have it."""


def _fetch(hub: Hub, name: str, split: str, note: Note | None) -> Snapshot:
    library = _library()
    wanted = hub.revision or "main"
    with _refusals(hub, name):
        facts = library.HfApi().dataset_info(name, revision=wanted, files_metadata=True)
        revision = str(facts.sha)
        sizes = {each.rfilename: each.size or 0 for each in facts.siblings or ()}
        readme = "README.md" in sizes and library.hf_hub_download(
            name, "README.md", repo_type="dataset", revision=wanted
        )
        declared = Path(readme).read_text(encoding="utf-8", errors="replace") if readme else ""
        files = needed_files(name, sorted(sizes), declared, hub.config, hub.splits.get(split, split))
        if hub.image_config:
            files += needed_files(name, sorted(sizes), declared, hub.image_config, hub.splits.get(split, split))
        if note is not None:
            total = sum(sizes[file] for file in files)
            note(f"{name} at {revision[:12]}: {len(files)} file{'s' * (len(files) > 1)}, {total / 1e6:,.1f} MB")
        for file in files:
            library.hf_hub_download(name, file, repo_type="dataset", revision=wanted)
    repository = cache_folder() / f"datasets--{name.replace('/', '--')}"
    return _snapshot(hub, name, revision, repository / "snapshots" / revision, split)


def _snapshot(hub: Hub, name: str, revision: str, folder: Path, split: str) -> Snapshot:
    table = hub_table(folder, hub.splits.get(split, split), hub.config)
    if hub.image_config:
        hub_table(folder, hub.splits.get(split, split), hub.image_config)
    pinned = "" if hub.revision else f", not pinned: {hub.unpinned}"
    return Snapshot(name, revision, folder, table, f"read from {name} at {revision}{pinned}")


def _library() -> Any:
    try:
        return import_module("huggingface_hub")
    except ImportError as error:
        raise MissingExtraError("fetching datasets from the hub", EXTRA) from error


@contextmanager
def _refusals(hub: Hub, name: str) -> Iterator[None]:
    """Let what huggingface_hub raises leave as one sentence."""
    errors = import_module("huggingface_hub.errors")
    try:
        yield
    except DataError:
        raise
    except errors.GatedRepoError as error:
        raise DataError(
            f"{name} is gated: accept its terms at https://huggingface.co/datasets/{name}, then give your token in HF_TOKEN or by `hf auth login`"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DataError(f"{name} has no revision {hub.revision or 'main'} any more") from error
    except errors.RepositoryNotFoundError as error:
        gated = "; it is gated: accept its terms on its page and give your token in HF_TOKEN" if hub.gated else ""
        raise _AbsentError(f"there is no dataset {name} on the hub, or your token may not read it{gated}") from error
    except errors.LocalEntryNotFoundError as error:
        raise DataError(f"the hub cannot be reached for {name}: {_first_line(error)}") from error
    except errors.EntryNotFoundError as error:
        raise DataError(f"{name} at {hub.revision or 'main'} lacks a file: {_first_line(error)}") from error
    except Exception as error:
        raise DataError(f"{name} cannot be fetched: {type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    lines: Sequence[str] = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0][:200].rstrip(".")
