"""Open whatever a user points at, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmbench.core import DataError
from mmbench.data.records import Record, listed
from mmbench.data.tables.table import Table
from mmbench.data.tables.text import JSON_SUFFIXES, SEPARATED, text_table

SUFFIXES = (*JSON_SUFFIXES, *SEPARATED, ".parquet", ".arrow", ".tar")
"""Suffixes of the files that are read; ``.gz`` may follow those of text."""
_TEXTS = (*JSON_SUFFIXES, ".csv", ".tsv", ".token")


def open_table(path: Path, split: str = "", config: str = "") -> Table:
    """The table in a file or folder, whatever its format.

    Args:
        path: A file; a folder as on the Hugging Face hub, of ``save_to_disk``, of tar archives, or with one data file; or a
            folder as on the hub with the name of a configuration after it.
        split: The split that is read; empty: the one that the data are for.
        config: The configuration that is read.

    Returns:
        The table, whose rows are not read yet.

    Raises:
        DataError: If there is nothing to read.
    """
    if not path.exists():
        return _of_config(path, split)
    if path.is_dir():
        return _in_folder(path, split, config)
    kind = path.suffix.lower()
    if kind in (".parquet", ".arrow"):
        from mmbench.data.tables.folder import shard_table

        return shard_table(path)
    if kind in (".tar", ".tgz") or path.name.lower().endswith((".tar.gz", ".tar.bz2", ".tar.xz")):
        from mmbench.data.tables.tar import tar_table

        return tar_table(path, [path])
    if _kind(path) not in SUFFIXES:
        raise _unknown(path)
    return text_table(path, split)


def _kind(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _unknown(path: Path) -> DataError:
    return DataError(f"{path}: unknown kind of file {path.suffix!r}; expected one of {', '.join(SUFFIXES)}")


def _of_config(path: Path, split: str) -> Table:
    """A folder on the hub's layout with a configuration's name after it. Raises `DataError` where there is nothing."""
    parent = path.parent
    if parent.is_dir() and _kind(path) not in SUFFIXES:  # a file that is missing is no configuration
        from mmbench.data.tables.folder import has_shards, hub_files, hub_table

        if has_shards(parent) and path.name in hub_files(parent).configs:
            return hub_table(parent, split, path.name)
    raise DataError(f"there is no file {path}")


def _in_folder(folder: Path, split: str, config: str) -> Table:
    from mmbench.data.tables.folder import has_shards, hub_table, is_saved, saved_table

    if is_saved(folder):
        return saved_table(folder, split)
    if has_shards(folder):
        return hub_table(folder, split, config)
    if archives := sorted(folder.glob("*.tar")):
        from mmbench.data.tables.tar import tar_table

        return tar_table(folder, archives)
    return text_table(find_data_file(folder), split)


def data_files(folder: Path) -> list[Path]:
    """The files of text in a folder that may hold rows, by name; none for a file."""
    if not folder.is_dir():
        return []
    return sorted(inside for inside in folder.iterdir() if _kind(inside) in _TEXTS and inside.is_file())


def find_data_file(path: Path) -> Path:
    """The file itself, or the only data file in a folder. Raises `DataError`."""
    if path.is_dir():
        found = data_files(path)
        if len(found) == 1:
            return found[0]
        asked = [each for each in found if "question" in each.name.lower()]
        if len(asked) == 1 and all("annotation" in each.name.lower() for each in found if each not in asked):
            return asked[0]  # as the authors of VQA v2 give them out
        kinds = f"one file that ends in {', '.join(_TEXTS)}"
        names = listed([candidate.name for candidate in found])
        raise DataError(
            f"{path} is a folder; expected {kinds} in it, found {names + '; name one' if found else 'none'}"
        )
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if _kind(path) not in SUFFIXES:
        raise _unknown(path)
    return path


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file, one after the other. Raises `DataError`, also when there are none."""
    return open_table(path).read()
