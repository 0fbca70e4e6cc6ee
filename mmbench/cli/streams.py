"""Keep the command's own output streams while plug-ins run: these may print to them, close them, or replace them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def plug_in_output(as_json: bool) -> Iterator[None]:
    """Give plug-ins copies of stdout and stderr, and put the command's own back afterwards, whatever became of the copies.

    Args:
        as_json: Whether stdout is to hold one JSON document, so that what a plug-in prints goes to stderr. That includes
            what is written past Python to the descriptor, also by child processes.
    """
    own = sys.stdout, sys.stderr
    kept = [_descriptor(stream) for stream in own]
    with contextlib.ExitStack() as stack:
        for stream, descriptor in zip(own, kept, strict=True):
            if stream is not None and descriptor is not None:
                stack.callback(_put_back, stream, os.dup(descriptor), descriptor)
        stack.callback(_set_streams, *own)
        if as_json and None not in kept:
            os.dup2(kept[1], kept[0])  # type: ignore[arg-type]
        sys.stderr = own[1] if kept[1] is None else _copy(own[1], kept[1])
        sys.stdout = sys.stderr if as_json else own[0] if kept[0] is None else _copy(own[0], kept[0])
        yield


def _descriptor(stream: TextIO | None) -> int | None:
    """The descriptor of a stream whose text has been written out; None where there is none, as in a notebook."""
    try:
        if stream is None:
            return None
        stream.flush()
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _copy(stream: TextIO, descriptor: int) -> TextIO:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return open(os.dup(descriptor), "w", buffering=1, encoding=encoding, errors="backslashreplace")  # noqa: PTH123


def _set_streams(out: TextIO, err: TextIO) -> None:
    """Put these streams in the place of those that plug-ins had."""
    for stream, own in ((sys.stdout, out), (sys.stderr, err)):
        if stream is not None and stream is not own:
            with contextlib.suppress(Exception):  # it may be anything by now
                stream.flush()
    sys.stdout, sys.stderr = out, err


def _put_back(stream: TextIO, kept: int, descriptor: int) -> None:
    """Let a descriptor lead where it did, and open the stream again if somebody has closed it."""
    os.dup2(kept, descriptor)
    os.close(kept)
    if stream.closed:
        again = open(descriptor, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is stream:
                setattr(sys, name, again)
