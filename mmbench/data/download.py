"""Fetch images that are named by URLs, and keep them by the digest of what they hold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from mmbench.core import DataError
from mmbench.data.fingerprint import digest_bytes
from mmbench.data.formats import PREFIX, sniff
from mmbench.data.hub import is_offline
from mmbench.data.records import cut, listed

_AT_ONCE = 8
_TIMEOUT_S = 30.0
_TRIES = 3
_LARGEST = 2**28
_SHOWN = 3


def media_folder() -> Path:
    """The folder of fetched images: ``MMBENCH_MEDIA``, else ``mmbench/media`` in the user's cache."""
    given = os.environ.get("MMBENCH_MEDIA")
    return Path(given or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "mmbench", "media")).expanduser()


def fetch_urls(urls: Sequence[str]) -> Mapping[str, str]:
    """Fetch images that are not kept yet.

    Args:
        urls: Where they are.

    Returns:
        URL to file.

    Raises:
        DataError: If some cannot be fetched or are no images: how many, and the first three with the reason.
    """
    different = list(dict.fromkeys(urls))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(_fetch, different))
    problems = [f"{cut(url)} ({problem})" for url, (_, problem) in zip(different, found, strict=True) if problem]
    if problems:
        count = "1 image" if len(problems) == 1 else f"{len(problems):,} images"
        raise DataError(f"{count} of {len(different):,} cannot be fetched: {listed(problems, _SHOWN)}")
    return {url: str(path) for url, (path, _) in zip(different, found, strict=True)}


def _fetch(url: str) -> tuple[Path, str]:
    """The file of an image, and what is wrong with it."""
    folder = media_folder()
    pointer = folder / "urls" / digest_bytes(url.encode())
    if pointer.is_file():
        kept = folder / "files" / pointer.read_text(encoding="ascii").strip()
        if kept.is_file():
            return kept, ""
    if is_offline():
        return pointer, "not kept here, and the network is forbidden"
    data, problem = _read(url)
    if problem:
        return pointer, problem
    if sniff(data[:PREFIX]) is None:
        return pointer, "what is there is no image"
    kept = folder / "files" / digest_bytes(data)
    _write(kept, data)
    _write(pointer, kept.name.encode())
    return kept, ""


def _read(url: str) -> tuple[bytes, str]:
    problem = ""
    for _ in range(_TRIES):
        try:
            with urlopen(Request(url, headers={"User-Agent": "mmbench"}), timeout=_TIMEOUT_S) as answer:  # noqa: S310
                data = answer.read(_LARGEST + 1)
                return (data, "") if len(data) <= _LARGEST else (b"", "more than 256 MiB")
        except HTTPError as error:
            problem = f"HTTP {error.code}"
            if error.code < 500 and error.code != 429:
                break
        except (URLError, OSError, ValueError) as error:
            problem = str(getattr(error, "reason", error))[:120]
    return b"", problem


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
