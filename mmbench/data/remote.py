"""Whether datasets of the hub are read where they lie, and the paths that stand for their files."""

from __future__ import annotations

import os
from pathlib import Path

STREAM = "MMBENCH_STREAM"
"""The variable of the environment that asks for datasets to be read where they lie; ``--stream`` sets it."""
_PREFIX = "hf:/datasets/"


def is_streaming() -> bool:
    """Whether datasets of the hub are to be read where they lie."""
    return os.environ.get(STREAM, "").upper() in ("1", "ON", "YES", "TRUE")


def remote_path(repository: str, revision: str, file: str = "") -> Path:
    """The path that stands for a file of a dataset on the hub, or for the dataset itself.

    >>> str(remote_path("owner/name", "c0ffee", "data/test.parquet"))
    'hf:/datasets/owner/name@c0ffee/data/test.parquet'
    """
    return Path(f"{_PREFIX}{repository}@{revision}", file)


def is_remote(path: Path) -> bool:
    """Whether a path stands for a file on the hub."""
    return str(path).startswith(_PREFIX)


def remote_parts(path: Path) -> tuple[str, str, str]:
    """Repository, revision and file of a path that `remote_path` made."""
    owner, name, file = str(path).removeprefix(_PREFIX).split("/", 2)
    name, _, revision = name.rpartition("@")
    return f"{owner}/{name}", revision, file
