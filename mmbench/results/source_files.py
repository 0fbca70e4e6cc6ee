"""Digest the Python files that a model or task comes from."""

from __future__ import annotations

import hashlib
from pathlib import Path


def source_digest(path: Path) -> str:
    """Digest of a Python file; of every Python file below it, for the ``__init__.py`` of a package."""
    if path.name != "__init__.py":
        return _digest_of_file(path)
    digests = [f"{file.relative_to(path.parent)} {_digest_of_file(file)}" for file in sorted(path.parent.rglob("*.py"))]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def source_path(reference: str) -> Path | None:
    """The file that ``file.py:Name`` or ``package.module:Name`` stands for, from the working directory; None where there is none.

    Nothing is imported.
    """
    place = reference.partition(":")[0]
    if place.endswith(".py"):
        candidates = [Path(place)]
    else:
        stem = Path(*place.split("."))
        candidates = [stem.with_name(f"{stem.name}.py"), stem / "__init__.py"]
    return next((path for path in candidates if path.is_file()), None)


def _digest_of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
