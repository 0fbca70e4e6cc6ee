"""Exceptions that a user may see. Each knows the exit code that the command line ends with."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from mmbench.core.ids import nearest_names


class MmbenchError(Exception):
    """Base of every error that mmbench raises on purpose. Its text is one clear sentence or list."""

    exit_code: ClassVar[int] = 70


class UsageError(MmbenchError):
    """The command, the configuration or an option is wrong; nothing was run."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing is registered under; the message offers the nearest known names."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        near = nearest_names(name, known)
        message = f"unknown {kind} {name!r}."
        if near:
            message += f" Did you mean {' or '.join(repr(n) for n in near)}?"
        if hint:
            message += f" {hint}"
        super().__init__(message)


class DataError(UsageError):
    """The user's data are broken; the message says in which file, on which line, and what was expected."""


class PluginError(UsageError):
    """A plug-in cannot be imported or is not what it claims to be."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed.

    Parameters: `feature`, what needs it; `extra`, the name inside ``pip install "mmbench[extra]"``.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f'{feature} needs an extra: pip install "mmbench[{extra}]"')


class NotComparableError(MmbenchError):
    """Two results cannot be compared, or something that a comparison needs is missing."""

    exit_code = 3


class RunFailedError(MmbenchError):
    """A run, or part of it, failed. What ended before is on disk and the run can be resumed."""

    exit_code = 4


class TransientError(RunFailedError):
    """A model with async methods raises it for a request that may well succeed when it is asked again.

    Parameters: `message`; `slow_down`, whether the server said that it is asked too much (429, 503) or fell silent: fewer
    requests are then in flight; `retry_after_s`, seconds that it asked everybody to wait.
    """

    def __init__(self, message: str, *, slow_down: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.slow_down = slow_down
        self.retry_after_s = retry_after_s


class ModelUnusableError(RunFailedError):
    """A model raises it when no request can succeed any more (a wrong key, say): the run stops at once, resumable."""


class MediaError(RunFailedError):
    """A picture, sound or video cannot be read: missing, truncated, not of its format, or too large."""


def plugin_failed(what: str, error: Exception) -> PluginError:
    """The error to raise from an exception of a plug-in's own code; it names the exception, the file and the line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return PluginError(f"{what}: {type(error).__name__}: {error}{where}")


@contextmanager
def plugin_errors(what: str) -> Iterator[None]:
    """Turn exceptions of a plug-in's own code into a `PluginError` that begins with `what`; our own errors pass."""
    try:
        yield
    except MmbenchError:
        raise
    except Exception as error:
        raise plugin_failed(what, error) from error
