"""Folders of shards: as the Hugging Face hub lays them out, and as ``save_to_disk`` of `datasets` writes them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

from mmbench.core import DataError, MissingExtraError
from mmbench.data.records import Record, listed
from mmbench.data.tables.shards import EXTRA, Shard, open_shard
from mmbench.data.tables.table import Table, refuse_empty
from mmbench.data.tables.text import SPLITS, chosen_split, text_table

SHARDS = (".parquet", ".arrow")
_NUMBERED = re.compile(r"(?P<stem>.*?)-?(?P<number>\d{5})-of-(?P<total>\d{5})(?P<rest>.*)")
_README = re.compile(r"---\s*\n(.*?)\n---\s*(\n|$)", re.DOTALL)
_WORDS = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Files:
    """What a folder declares or shows: configuration → split → files, in order."""

    configs: Mapping[str, Mapping[str, Sequence[str]]]
    default: str
    """The configuration that is read where none is named; empty where there are several and none is marked."""


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by ``save_to_disk``."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def has_shards(folder: Path) -> bool:
    """Whether there are parquet or Arrow files in a folder, at any depth up to three."""
    return any(next(folder.glob(f"{deep}*{suffix}"), None) for suffix in SHARDS for deep in ("", "*/", "*/*/"))


def saved_table(folder: Path, split: str) -> Table:
    """The table that ``save_to_disk`` wrote. Raises `DataError`, also for files of it that are missing."""
    if (folder / "dataset_dict.json").is_file():
        splits = tuple(_json(folder / "dataset_dict.json").get("splits") or ())
        if not splits:
            raise DataError(f"{folder / 'dataset_dict.json'} names no splits")
        chosen = chosen_split(folder, split, splits)
        inner = folder / chosen
        if not (inner / "state.json").is_file():
            raise DataError(f"{folder} lacks the file {chosen}/state.json of its split {chosen!r}")
    else:
        inner, chosen, splits = folder, "", ()
    state = _json(inner / "state.json")
    chosen = chosen or str(state.get("_split") or "")
    names = [str(each.get("filename")) for each in state.get("_data_files") or () if isinstance(each, dict)]
    if absent := [name for name in names if not (inner / name).is_file()]:
        raise DataError(f"{inner} lacks {'a file' if len(absent) == 1 else 'files'} of its data: {listed(absent)}")
    return _of_shards(inner, [inner / name for name in names], "save_to_disk", split=chosen, splits=splits or (chosen,))


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return value if isinstance(value, dict) else {}


def hub_table(folder: Path, split: str, config: str) -> Table:
    """The table in a folder as the hub has it: configurations in its README, or shards that are named after splits.

    Args:
        folder: The folder.
        split: The split that is read; empty: ``test`` or the nearest to it.
        config: The configuration that is read; empty: the default one.

    Raises:
        DataError: If files are missing, or several configurations are there and none is named.
    """
    files = hub_files(folder)
    configs = tuple(files.configs)
    chosen = config or files.default
    if not chosen:
        raise DataError(
            f"{folder} has several configurations; name one as if it were a folder in it, {folder / configs[0]}: "
            + listed(list(configs))
        )
    if chosen not in files.configs:
        raise DataError(f"{folder} has no configuration {chosen!r}; it has {listed(list(configs))}")
    splits = tuple(files.configs[chosen])
    wanted = chosen_split(folder, split, splits)
    shards = [folder / name for name in files.configs[chosen][wanted]]
    _refuse_gaps(folder, shards)
    facts = {"split": wanted, "splits": splits, "config": chosen if len(configs) > 1 else "", "configs": configs}
    return table_of_files(folder, shards, "hub folder", **facts)


def table_of_files(folder: Path, files: Sequence[Path], kind: str, **facts: Any) -> Table:
    """The table in some files of one kind: shards, or one text file each. Raises `DataError`."""
    if all(path.suffix in SHARDS for path in files):
        return _of_shards(folder, files, kind, **facts)
    tables = [text_table(path) for path in files]

    def read() -> Iterator[Record]:
        for table in tables:
            yield from table.read()

    return Table(folder, f"{kind} of {tables[0].kind}", read, **facts)


def _of_shards(folder: Path, paths: Sequence[Path], kind: str, **facts: Any) -> Table:
    if not paths:
        raise DataError(f"{folder} holds no rows")
    shards: list[Shard] = [open_shard(path) for path in paths]
    columns = shards[0].columns
    for shard in shards[1:]:
        if set(shard.columns) != set(columns):
            differ = sorted(set(shard.columns) ^ set(columns))
            raise DataError(f"{shard.path} has other columns than {shards[0].path.name}: {listed(differ)}")

    def read() -> Iterator[Record]:
        first = 0
        for shard in shards:
            yield from shard.records(first, None)
            first += shard.rows

    count = sum(shard.rows for shard in shards)
    shown = "Arrow" if paths[0].suffix == ".arrow" else "parquet"
    shown = f"{shown}, {len(paths)} shard{'s' * (len(paths) > 1)}"
    return Table(
        folder,
        f"{kind} ({shown})" if kind else shown,
        lambda: refuse_empty(folder, read()),
        columns,
        count=count,
        shards=tuple(shards),
        **facts,
    )


def shard_table(path: Path) -> Table:
    """The table in one parquet or Arrow file. Raises `DataError`."""
    return _of_shards(path, [path], "")


def hub_files(folder: Path) -> Files:
    """The files of a folder as on the hub, by configuration and split. Raises `DataError`."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    inside = (path.relative_to(folder) for path in folder.rglob("*") if os.path.isfile(path))  # noqa: PTH113 - never raises
    names = sorted(path.as_posix() for path in inside if not any(part.startswith(".") for part in path.parts))
    return _files_among(str(folder), names, text)


def needed_files(what: str, names: Sequence[str], readme: str, config: str, split: str) -> list[str]:
    """The files of a repository that a split needs, of all that it has.

    Args:
        what: The repository, for messages.
        names: Its files.
        readme: Its README, empty where it has none.
        config: The configuration; empty: the default one.
        split: The split.

    Raises:
        DataError: If there is no such configuration or split, or nothing that is read.
    """
    files = _files_among(what, names, readme)
    chosen = config or files.default
    if chosen not in files.configs:
        raise DataError(f"{what} has no configuration {chosen!r}; it has {listed(list(files.configs))}")
    splits = files.configs[chosen]
    return list(splits[chosen_split(Path(what), split, tuple(splits))])


def readme_declares(what: str, names: Sequence[str], readme: str) -> bool:
    """Whether a README tells which files hold the rows. Raises `DataError` for one that cannot be read."""
    return _declared(what, names, readme) is not None


def _files_among(what: str, names: Sequence[str], readme: str) -> Files:
    declared = _declared(what, names, readme)
    if declared is not None:
        return declared
    found: dict[str, dict[str, list[str]]] = {}
    suffix = next((each for each in SHARDS if any(name.endswith(each) for name in names)), None)
    if suffix is None:
        raise DataError(f"{what} holds no parquet or Arrow files, the only ones that are read from the hub")
    for name in names:
        if not name.endswith(suffix):
            continue
        *folders, last = name.split("/")
        outer = [part for part in folders if part != "data"]
        split = _split_of(last) or next((each for each in outer if each in SPLITS), "train")
        config = next((each for each in outer if each not in SPLITS), "default")
        found.setdefault(config, {}).setdefault(split, []).append(name)
    return Files(found, "default" if "default" in found else next(iter(found)) if len(found) == 1 else "")


def _split_of(name: str) -> str:
    """The split that a file is named after; empty where there is none."""
    numbered = _NUMBERED.fullmatch(name)
    stem = numbered["stem"] if numbered else name.rpartition(".")[0]
    if numbered and stem:
        return stem
    words = _WORDS.split(stem)
    return next((split for split in SPLITS if split in words), "")


def _declared(what: str, names: Sequence[str], readme: str) -> Files | None:
    """The configurations in a README; None where it declares none. Raises `DataError`."""
    front = _README.match(readme)
    if front is None or "configs:" not in front[1]:
        return None
    try:
        yaml = import_module("yaml")
    except ImportError as error:
        raise MissingExtraError("reading the configurations in a README", EXTRA) from error
    try:
        document = yaml.safe_load(front[1])
    except yaml.YAMLError as error:
        raise DataError(f"the README of {what}: its YAML cannot be read: {str(error).splitlines()[0]}") from error
    configs = document.get("configs") if isinstance(document, dict) else None
    found: dict[str, dict[str, list[str]]] = {}
    marked = ""
    for each in configs or ():
        if not isinstance(each, dict) or not each.get("data_files"):
            continue
        name = str(each.get("config_name", "default"))
        marked = name if each.get("default") or (name == "default" and not marked) else marked
        base = str(each.get("data_dir") or "").strip("/.")
        found[name] = _data_files(names, f"{base}/" if base else "", each["data_files"])
    if not found:
        return None
    return Files(found, marked or (next(iter(found)) if len(found) == 1 else ""))


def _data_files(names: Sequence[str], base: str, declared: Any) -> dict[str, list[str]]:
    """Split to files, as a configuration declares them; a pattern that no file matches stands for what is missing."""
    if isinstance(declared, str) or (isinstance(declared, list) and all(isinstance(each, str) for each in declared)):
        declared = [{"split": "train", "path": declared}]
    if isinstance(declared, dict):
        declared = [{"split": split, "path": path} for split, path in declared.items()]
    found: dict[str, list[str]] = {}
    for each in declared:
        patterns = each.get("path") if isinstance(each, dict) else None
        for pattern in [patterns] if isinstance(patterns, str) else patterns or ():
            matched = _matching(names, f"{base}{pattern}")
            found.setdefault(str(each.get("split", "train")), []).extend(matched or [f"{base}{pattern}"])
    return found


def _matching(names: Sequence[str], pattern: str) -> list[str]:
    """The files that match a pattern of a README, in order."""
    if not any(sign in pattern for sign in "*?["):
        return [name for name in names if name == pattern or name.startswith(f"{pattern.rstrip('/')}/")]
    deep = pattern.replace("**/", "*")
    return [name for name in names if fnmatchcase(name, pattern) or fnmatchcase(name, deep)]


def _refuse_gaps(folder: Path, shards: Sequence[Path]) -> None:
    """Raise `DataError` for files that are declared and absent, and for shards that the numbers of others tell of."""
    absent = [path.relative_to(folder).as_posix() for path in shards if not path.exists()]
    totals: dict[tuple[Path, str, str, str], set[str]] = {}
    for path in shards:
        if numbered := _NUMBERED.fullmatch(path.name):
            key = path.parent, numbered["stem"], numbered["total"], numbered["rest"]
            totals.setdefault(key, set()).add(numbered["number"])
    for (parent, stem, total, rest), numbers in totals.items():
        for number in range(int(total)):
            if f"{number:05d}" not in numbers:
                name = f"{stem}{'-' * bool(stem)}{number:05d}-of-{total}{rest}"
                absent.append((parent / name).relative_to(folder).as_posix())
    if absent:
        shown = f"{folder} lacks {'a file' if len(absent) == 1 else f'{len(absent)} files'}"
        raise DataError(f"{shown} of its data: {listed(absent)}")
