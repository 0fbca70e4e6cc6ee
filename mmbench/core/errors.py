"""Exceptions that mmbench raises on purpose.

Each class knows the exit code of the command line. Where callers need more than the class, the facts are attributes and the
message is made from them once::

    MmbenchError
    ├── UsageError (exit code 2): the command, the configuration or the input is wrong; nothing was run
    │   ├── OptionError            an option has a value that it cannot have
    │   ├── RenamedOptionError     the name of an option stood for another one before
    │   ├── UnknownNameError       a name that nothing is registered under
    │   ├── RunNotFoundError       no run has this name
    │   ├── AmbiguousRunError      several runs have this name
    │   ├── DataError              the user's data are broken
    │   ├── CheckpointError        a checkpoint cannot be loaded or asked as it is
    │   ├── ForeignSourceError     a stored file names Python code to import
    │   ├── PluginError            a plug-in cannot be imported or is not what it claims to be
    │   │   └── CardError          a dataset card leaves out what every reader of a result needs
    │   ├── MissingExtraError      an optional dependency is not installed
    │   └── MissingPackageError    a package that mmbench always needs is not installed
    ├── NotComparableError (exit code 3): results cannot be compared, or something that a comparison needs is missing
    │   ├── MissingBaselineError   the baseline has not been saved yet
    │   ├── DamagedFileError       a stored file is not what was written
    │   ├── ShardRunError          a run directory holds a part of a run
    │   └── NewerSchemaError       a stored file was written by a newer mmbench
    └── RunFailedError (exit code 4): a run, or a part of it, failed; it can be resumed
        ├── TransientError         a request may succeed when it is sent again
        ├── ModelUnusableError     no request can succeed any more
        └── MediaError             an image, a sound or a video cannot be read

All of them can be pickled, so that they can be raised in another process.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any, ClassVar

from mmbench.core.ids import nearest_names
from mmbench.core.visible import shell_command


class MmbenchError(Exception):
    """Base of every error that mmbench raises on purpose. Its text is one clear sentence or a list."""

    exit_code: ClassVar[int] = 70

    def __reduce__(self) -> tuple[Any, ...]:
        # `Exception` would call the constructor with the message alone, which is not what the subclasses take.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class UsageError(MmbenchError):
    """The command, the configuration or an option is wrong; nothing was run."""

    exit_code = 2


class OptionError(UsageError):
    """An option has a value that it cannot have.

    Attributes:
        option: The option as the user wrote it: ``--limit``, ``MMBENCH_LIMIT``, ``mmbench.toml: [run] limit``, ``limit``.
        value: The value that was given.
        expected: What would be valid, such as ``at least 1``.
    """

    def __init__(self, option: str, value: object, expected: str) -> None:
        self.option, self.value, self.expected = option, value, expected
        texts = [value] if isinstance(value, str) else value
        of_text = isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts)
        shown = ", ".join(map(_quoted, texts)) if isinstance(texts, list | tuple) and of_text else repr(value)
        super().__init__(f"{option} {shown}: expected {expected}")


def _quoted(text: str) -> str:
    """A text in quotation marks, a number without."""
    return text if text.lstrip("-").isdecimal() else repr(text)


class RenamedOptionError(UsageError):
    """The name of an option stood for another one before, and it is not clear which of them is meant.

    Attributes:
        old: The name, as the user wrote it.
        new: What is called so now that the name stood for before.
    """

    def __init__(self, old: str, new: str, what: str) -> None:
        self.old, self.new = old, new
        super().__init__(
            f"{what} {old!r} has another meaning by now: what it stood for is called {new!r}. Write that in its place, or beside it if "
            "today's meaning is meant."
        )


class UnknownNameError(UsageError):
    """A name that nothing is registered under; the message offers the nearest known names.

    Attributes:
        kind: What the name should have been, such as ``task``.
        name: What the user typed.
        near: Known names that are close, best first.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        self.kind, self.name, self.near = kind, name, nearest_names(name, known)
        super().__init__(" ".join(filter(None, [f"unknown {kind} {name!r}.", _did_you_mean(self.near), hint])))


class RunNotFoundError(UsageError):
    """No run matches a name.

    Attributes:
        name: What the user typed.
        out: The folder in which runs were looked for.
        near: Names of models that have runs there and are close, best first.
    """

    def __init__(self, name: str, out: str | PathLike[str], near: Sequence[str] = ()) -> None:
        self.name, self.out, self.near = name, str(out), list(near)
        text = f"there is no run {name!r}: neither a run directory nor a name under {out}"
        super().__init__(". ".join(filter(None, [text, _did_you_mean(self.near)])))


class AmbiguousRunError(UsageError):
    """Several runs match a name.

    Attributes:
        name: What the user typed.
        out: The folder in which runs were looked for.
        matches: Names of the folders of all runs that match.
    """

    def __init__(self, name: str, out: str | PathLike[str], matches: Sequence[str]) -> None:
        self.name, self.out, self.matches = name, str(out), tuple(matches)
        super().__init__(f"{name!r} fits {len(matches)} runs under {out}: {', '.join(matches[:5])}")


class DataError(UsageError):
    """The user's data are broken; the message says in which file, on which line, and what was expected.

    Attributes:
        problem: What is wrong.
        path: The file; None where the problem is not in one file.
        place: Where in the file, such as ``line 3`` or ``item 3`` (a number is a line); None for the file as a whole.
    """

    def __init__(self, problem: str, path: str | PathLike[str] | None = None, place: int | str | None = None) -> None:
        self.problem, self.path = problem, None if path is None else str(path)
        self.place = f"line {place}" if isinstance(place, int) else place
        super().__init__(": ".join(filter(None, [", ".join(filter(None, [self.path, self.place])), problem])))


class ForeignSourceError(UsageError):
    """A stored run, which may be someone else's, names a Python file or module: it is imported only if that is allowed.

    Attributes:
        source: What the run names.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__(
            f"the run says that its task is the Python code {source!r}, which is not imported because a stored file says so. "
            "If you trust it, add --allow foreign-source"
        )


class CheckpointError(UsageError):
    """A checkpoint cannot be loaded or asked as it is: the message names the file and what would work. Nothing was asked."""


class PluginError(UsageError):
    """A plug-in cannot be imported or is not what it claims to be."""


class CardError(PluginError):
    """A dataset card leaves out what every reader of a result needs.

    Attributes:
        card: Name of the dataset.
        field: The field of the card that is empty.
    """

    def __init__(self, card: str, field: str) -> None:
        self.card, self.field = card, field
        how = ": give its SPDX identifier, or 'unknown' where nobody stated it" if field == "licence" else ""
        super().__init__(f"the card of {card!r} has no {field}{how}")


class MissingExtraError(UsageError):
    """An optional dependency is not installed.

    Attributes:
        feature: What needs it.
        extra: The name inside ``pip install "mmbench[extra]"``.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(f'{feature} needs an extra: pip install "mmbench[{extra}]"')


class MissingPackageError(UsageError):
    """A package that mmbench always needs cannot be imported.

    Attributes:
        module: The name under which it is imported.
        package: The name under which it is installed.
    """

    def __init__(self, module: str, package: str) -> None:
        self.module, self.package = module, package
        super().__init__(f'mmbench needs the package {package!r}, which cannot be imported: pip install "{package}"')


class NotComparableError(MmbenchError):
    """Two results cannot be compared, or something that a comparison needs is missing.

    Attributes:
        reasons: What differs or is missing, one entry each; empty where the message is the only reason.
    """

    exit_code = 3

    def __init__(self, message: str, reasons: Iterable[object] = ()) -> None:
        self.reasons = tuple(reasons)
        super().__init__(message)


class MissingBaselineError(NotComparableError):
    """A baseline has not been saved yet.

    Attributes:
        name: What the user typed for the baseline.
    """

    def __init__(self, name: str, out: str | PathLike[str], command: str) -> None:
        self.name = name
        super().__init__(
            f"there is no baseline {name!r} yet, neither a file nor a run under {out}. "
            f"Make one from a run that is good: {command}"
        )


class DamagedFileError(NotComparableError):
    """A stored file is not what was written.

    Attributes:
        path: The file.
        problem: What is wrong with it.
        place: Where in the file, such as ``line 3``; None for the file as a whole.
        run: The run directory that ``mmbench repair`` can mend; None for other files.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        problem: object,
        place: str | None = None,
        *,
        run: str | PathLike[str] | None = None,
    ) -> None:
        self.path, self.problem, self.place = str(path), str(problem), place
        self.run = None if run is None else str(run)
        text = f"{', '.join(filter(None, [self.path, place]))} is damaged: {problem}"
        how = (
            "" if run is None else f". To rebuild what can be rebuilt: {shell_command(['mmbench', 'repair', str(run)])}"
        )
        super().__init__(text + how)


class StaleRunError(NotComparableError):
    """A run is named by its model, and the model's file has changed since.

    Attributes:
        name: What the user typed.
        run: The run that the name means.
        file: The model's file.
    """

    def __init__(self, name: str, run: str | PathLike[str], file: str | PathLike[str]) -> None:
        self.name, self.run, self.file = name, str(run), str(file)
        super().__init__(
            f"{file} has changed since {run}, the newest run of {name!r}, was made: run the model again, name the run by its path if it "
            "is meant, or add --allow stale"
        )


class ShardRunError(NotComparableError):
    """A run directory holds one shard of a run, and no run that has a result.

    Attributes:
        path: The shard.
        number: Which shard, from 1.
        of: How many there are.
    """

    def __init__(self, path: str | PathLike[str], number: int, of: int) -> None:
        self.path, self.number, self.of = str(path), number, of
        whole = self.path.removesuffix(f".shard-{number}-of-{of}")
        super().__init__(
            f"{self.path} is shard {number} of {of} of a run and has no result of its own. When all are asked, merge them: "
            f"{shell_command(['mmbench', 'merge', whole])}"
        )


class NewerSchemaError(NotComparableError):
    """A stored file was written by a newer mmbench.

    Attributes:
        path: The file.
        found: The version of its schema.
        known: The newest version that this mmbench reads.
    """

    def __init__(self, path: str | PathLike[str], found: int, known: int) -> None:
        self.path, self.found, self.known = str(path), found, known
        super().__init__(f"{path} has schema {found}; this mmbench reads up to {known}. Upgrade mmbench to read it.")


class RunFailedError(MmbenchError):
    """A run, or a part of it, failed. What ended before is on disk, and the run can be resumed."""

    exit_code = 4


class StoppedError(RunFailedError):
    """A bound was reached (``--max-errors``, ``--max-cost``, ``--give-up``); the same command goes on."""


class TransientError(RunFailedError):
    """A model with async methods raises it for a request that may well succeed when it is sent again.

    Attributes:
        slow_down: Whether the server said that it is asked too much (429, 503) or fell silent; fewer requests are then kept
            in flight.
        retry_after_s: Seconds that the server asked everybody to wait; None where it did not say.
    """

    def __init__(self, message: str, *, slow_down: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.slow_down = slow_down
        self.retry_after_s = retry_after_s


class ModelUnusableError(RunFailedError):
    """A model raises it when no request can succeed any more (a wrong key, say): the run stops at once, resumable."""


class MediaError(RunFailedError):
    """An image, a sound or a video cannot be read: missing, truncated, not of its format, or too large."""


def plugin_failed(what: str, error: Exception) -> PluginError:
    """The error to raise from an exception of a plug-in's own code; it names the exception, the file and the line."""
    import traceback

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


def missing_package(error: ImportError) -> MissingPackageError | None:
    """The error to show for an import that failed because a package that mmbench always needs is not installed.

    Returns:
        None where the module that is missing belongs to anything else.
    """
    from importlib.metadata import PackageNotFoundError, requires
    from re import match

    module = (error.name or "").partition(".")[0]
    try:
        needed = [text for text in requires("mmbench") or () if "extra ==" not in text]
    except PackageNotFoundError:
        return None
    packages = {found[0].lower() for text in needed if (found := match(r"[\w.-]+", text))}
    package = {"PIL": "pillow"}.get(module, module.lower())
    return MissingPackageError(module, package) if package in packages else None


def _did_you_mean(near: Sequence[str]) -> str:
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else ""
