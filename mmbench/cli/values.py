"""Option values that are more than a word."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from mmbench.core.errors import OptionError, UsageError


def key_values(option: str, texts: Iterable[str]) -> dict[str, Any]:
    """``k=v`` pairs, several separated by commas; values as JSON where they are, else as text. Raises `UsageError`.

    >>> key_values("--model-args", ["depth=4,name=small", "fast=true"])
    {'depth': 4, 'name': 'small', 'fast': True}
    """
    found: dict[str, Any] = {}
    for text in texts:
        for pair in _split(text):
            key, sign, value = pair.partition("=")
            if not sign or not key.strip():
                raise OptionError(option, text, "K=V[,K=V…]")
            found[key.strip()] = _value(value)
    return found


def _split(text: str) -> list[str]:
    """At commas that are followed by ``key=``: a value may itself hold commas."""
    pairs: list[str] = []
    for piece in text.split(","):
        if pairs and "=" not in piece:
            pairs[-1] += f",{piece}"
        else:
            pairs.append(piece)
    return pairs


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def working_directory_first() -> None:
    """Let modules in the working directory be imported, as ``python`` does."""
    here = os.getcwd()  # noqa: PTH109 - sys.path holds text
    if here not in sys.path:
        sys.path.insert(0, here)


def batch_size(text: str | int) -> int | Literal["auto"]:
    """``auto`` or a whole number. Raises `UsageError`."""
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise OptionError("--batch-size", text, "'auto' or a whole number") from None


def writable_file(option: str, text: str | None, inputs: Iterable[str | None], *, append: bool = False) -> Path | None:
    """Where an option writes a file, checked before anything is read; None where it is not given. Raises `UsageError`.

    Parameters: `inputs`, what the command reads, which it must never replace or land in; `append`, whether a file that is
    there is added to.
    """
    if text is None:
        return None
    if not text.strip():
        raise UsageError(f"{option} is empty: name a file, or leave {option} out")
    path = Path(text).expanduser()
    try:
        for given in filter(None, inputs):
            read = Path(given).expanduser().resolve()
            if path.resolve() == read or (read.is_dir() and path.resolve().is_relative_to(read)):
                raise UsageError(f"{option} {path} would {'change' if append else 'replace'} a file that is read")
        if path.exists() and not path.is_file():
            raise UsageError(f"{option} {path} is there already and is no file")
        if not path.parent.is_dir():
            raise UsageError(f"{option} {path}: there is no folder {path.parent}")
        place = path if append and path.exists() else path.parent
        if not os.access(place, os.W_OK):
            raise UsageError(f"{option} {path} cannot be written: no permission to write {place}")
    except (OSError, RuntimeError) as error:  # no permission to look there; a link that leads to itself
        raise UsageError(f"{option} {path} cannot be written: {error}") from error
    return path
