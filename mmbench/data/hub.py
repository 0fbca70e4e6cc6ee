"""Datasets on the Hugging Face hub: what lies in its cache on this machine, what is fetched into it, and what is read where it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from mmbench.core import DataError, MissingExtraError
from mmbench.data.converted import convert, converted_folder, data_files, needs_conversion
from mmbench.data.distribution import Hub
from mmbench.data.hf_home import cache_folder
from mmbench.data.remote import is_streaming, remote_path
from mmbench.data.tables.folder import (
    SHARDS,
    hub_table,
    needed_files,
    readme_declares,
    saved_table,
    table_of_files,
)
from mmbench.data.tables.shards import EXTRA
from mmbench.data.tables.table import Table, stacked

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
    """Where its files lie; for a dataset that is not kept, what stands for it in messages."""
    table: Table
    """Its rows."""
    note: str
    """Where it came from, in one sentence."""


_NOTHING_FETCHED: ContextVar[bool] = ContextVar("nothing_fetched", default=False)


@contextmanager
def nothing_fetched() -> Iterator[None]:
    """Within this block nothing is fetched: data that are not on this machine are a `DataError`."""
    token = _NOTHING_FETCHED.set(True)
    try:
        yield
    finally:
        _NOTHING_FETCHED.reset(token)


def is_offline() -> bool:
    """Whether nothing is to be fetched, or the Hugging Face libraries are told to stay off the network."""
    if _NOTHING_FETCHED.get():
        return True
    return any(os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))


def cached(hub: Hub, split: str) -> Snapshot | None:
    """The dataset as it lies in the hub's cache, under any of its names; None where not all of it is there."""
    for name in hub.ids:
        repository = _repository(name)
        revision = hub.revision
        if not revision:
            ref = repository / "refs" / "main"
            revision = ref.read_text(encoding="utf-8").strip() if ref.is_file() else ""
        folder = repository / "snapshots" / revision
        if revision and folder.is_dir():
            try:
                return _snapshot(hub, name, revision, split)
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
            f"{hub.id} is not on this machine, and nothing is to be fetched (a report fetches no data; else --offline or HF_HUB_OFFLINE "
            f"forbids it); looked in {cache_folder()}"
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
        parts = _needed(hub, name, split, sorted(sizes), declared)
        needed = None if parts is None else [file for files in parts for file in files]
        if needed is not None and _is_streamed(hub, needed):
            return _streamed(hub, name, revision, parts or [])
        converted = needs_conversion(needed, sorted(sizes))
        files = data_files(sorted(sizes)) if converted or needed is None else needed
        if not files:
            raise DataError(f"{name} holds no files of data that are read from the hub")
        if note is not None:
            total = sum(sizes.get(file, 0) for file in files)
            note(f"{name} at {revision[:12]}: {len(files)} file{'s' * (len(files) > 1)}, {total / 1e6:,.1f} MB")
        for file in files:
            library.hf_hub_download(name, file, repo_type="dataset", revision=wanted)
        if converted:
            repository = _repository(name)
            for config, each in hub.parts(split):
                target = converted_folder(repository, revision, config, each)
                convert(repository / "snapshots" / revision, target, config, each)
    return _snapshot(hub, name, revision, split)


def _needed(hub: Hub, name: str, split: str, names: list[str], readme: str) -> list[list[str]] | None:
    """The files of every part of a split, those of its images last; None where no names and no README tell of any."""
    if not (readme_declares(name, names, readme) or any(each.endswith(SHARDS) for each in names)):
        return None
    parts = hub.parts(split)
    if hub.image_config:
        parts = [*parts, *((hub.image_config, each) for _, each in parts)]
    return [needed_files(name, names, readme, config, each) for config, each in parts]


def _is_streamed(hub: Hub, files: Sequence[str]) -> bool:
    """Whether a dataset is read where it lies: parquet alone is, and images of another configuration are looked up by name."""
    return is_streaming() and not hub.image_config and all(file.endswith(".parquet") for file in files)


def _streamed(hub: Hub, name: str, revision: str, parts: Sequence[Sequence[str]]) -> Snapshot:
    folder = remote_path(name, revision)
    kind = "on the hub"
    tables = [table_of_files(folder, [remote_path(name, revision, file) for file in files], kind) for files in parts]
    return Snapshot(name, revision, folder, stacked(folder, tables), f"{_note(hub, name, revision)}, where it lies")


def _snapshot(hub: Hub, name: str, revision: str, split: str) -> Snapshot:
    repository = _repository(name)
    folder = repository / "snapshots" / revision
    parts = hub.parts(split)
    saved = [converted_folder(repository, revision, config, each) for config, each in parts]
    if all(each.is_dir() for each in saved):
        tables = [saved_table(each, "") for each in saved]
        return Snapshot(name, revision, folder, stacked(saved[0], tables), _note(hub, name, revision))
    tables = [hub_table(folder, each, config) for config, each in parts]
    if hub.image_config:
        for _, each in parts:
            hub_table(folder, each, hub.image_config)
    return Snapshot(name, revision, folder, stacked(folder, tables), _note(hub, name, revision))


def _note(hub: Hub, name: str, revision: str) -> str:
    pinned = "" if hub.revision else f", not pinned: {hub.unpinned}"
    return f"read from {name} at {revision}{pinned}"


def _repository(name: str) -> Path:
    return cache_folder() / f"datasets--{name.replace('/', '--')}"


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
