"""Digests of plain values, and files that are written as a whole. Loads no torch."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from mmbench.core import RunFailedError


def canonical_json(value: Any) -> bytes:
    """Compact JSON with sorted keys: equal values give equal bytes. Raises ValueError for NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def digest(value: Any) -> str:
    """The sha256 of `canonical_json`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file as a whole, so that readers see the old bytes or the new. Raises `RunFailedError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise not_written(path, error) from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents. Raises `RunFailedError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> RunFailedError:
    """The error for a checkpoint that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return RunFailedError(f"no space left to write {path}. Free some space and run the same command again.")
    return RunFailedError(f"cannot write {path}: {error.strerror or error}. Choose another --checkpoints.")
