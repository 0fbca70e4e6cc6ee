"""Where the Hugging Face libraries keep datasets on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def cache_folder() -> Path:
    """The hub's cache, where ``HF_HOME`` or ``HF_HUB_CACHE`` puts it."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()


def is_held(names: Iterable[str], revision: str) -> bool:
    """Whether the cache holds something of a dataset, under any of its names.

    Args:
        names: ``owner/name``, and former ones.
        revision: The commit; empty for any.
    """
    for name in names:
        snapshots = cache_folder() / f"datasets--{name.replace('/', '--')}" / "snapshots"
        if (snapshots / revision).is_dir() if revision else snapshots.is_dir() and any(snapshots.iterdir()):
            return True
    return False
