"""Datasets whose files are neither parquet nor Arrow, such as folders of images: what the library `datasets` makes of them.

The library reads the files of a repository as it does for anybody, and saves the rows with their images as Arrow beside them in the
cache of the hub, once for each configuration and split.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from mmbench.core import DataError, MissingExtraError
from mmbench.data.tables.folder import SHARDS
from mmbench.data.tables.text import chosen_split

_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".zst", ".7z")
_TEXTS = (".json", ".jsonl", ".csv", ".tsv")


def needs_conversion(needed: list[str] | None, names: list[str]) -> bool:
    """Whether the files of a split are to be read by `datasets`.

    Args:
        needed: The files that a README or names tell of; None where they tell of none.
        names: Every file of the repository.
    """
    if needed is not None and all(name.endswith(SHARDS) for name in needed):
        return False
    media = any(PurePosixPath(name).suffix.lower() in _IMAGES for name in names)
    return needed is None or media or not all(name.endswith(_TEXTS) for name in needed)


def data_files(names: list[str]) -> list[str]:
    """The files of a repository that may hold rows or images, and its README."""
    kinds = (*_IMAGES, *_ARCHIVES, *_TEXTS, *SHARDS, ".txt")
    found = [name for name in names if name.lower().endswith(kinds) and not name.startswith(".")]
    return [*found, *(name for name in names if name == "README.md")]


def converted_folder(repository: Path, revision: str, config: str, split: str) -> Path:
    """Where the rows of a split are saved."""
    return repository / "mmbench" / revision / (config or "default") / split


def convert(folder: Path, target: Path, config: str, split: str) -> None:
    """Read a folder with `datasets`, and save a split of it.

    Args:
        folder: The files of the repository.
        target: Where the rows are saved; it appears whole or not at all.
        config: The configuration; empty: the default one.
        split: The split.

    Raises:
        DataError: If `datasets` cannot read it, or it has no such split.
        MissingExtraError: If `datasets` is not installed.
    """
    try:
        datasets: Any = import_module("datasets")
    except ImportError as error:
        raise MissingExtraError("reading datasets that are neither parquet nor Arrow", "data") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    shown = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as scratch:
            splits = datasets.load_dataset(str(folder), config or None, cache_dir=scratch)
            rows = splits[chosen_split(folder, split, tuple(splits))]
            rows.save_to_disk(str(Path(scratch, "rows")))
            del splits, rows
            if not target.exists():
                Path(scratch, "rows").replace(target)
    except DataError:
        raise
    except Exception as error:
        detail = (str(error) or type(error).__name__).splitlines()[0][:200].rstrip(".")
        raise DataError(
            f"{folder}: `datasets` cannot read the files of this repository: {type(error).__name__}: {detail}"
        ) from error
    finally:
        if not shown:
            datasets.enable_progress_bars()
