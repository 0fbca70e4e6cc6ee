"""How a check is made: a rule is asked about a subject, and what it raises decides how it ended."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Generic, TypeVar

from mmbench.core.errors import MissingExtraError
from mmbench.testing.report import Check, Status

S = TypeVar("S")
T = TypeVar("T")

_HERE = str(Path(__file__).parent)


class FindingError(Exception):
    """How a check ended, when it did not pass. The text is its detail."""

    status: Status = "fail"


class BrokenError(FindingError):
    """The promise is broken."""


class NotedError(FindingError):
    """No promise is broken, but the author should know."""

    status: Status = "note"


class SkippedError(FindingError):
    """The check does not apply, or what it needs failed before."""

    status: Status = "skip"


@dataclass(frozen=True, slots=True)
class KitRule(Generic[S]):
    """One promise."""

    name: str
    """Name of the check."""
    advice: str
    """What to do where it is broken."""
    check: Callable[[S], str]
    """Returns what was found; raises a `FindingError` where that is not a pass."""


def judge(rule: KitRule[S], subject: S, prefix: str = "") -> Check:
    """Make one check. An unexpected exception of the plug-in is a failure; a missing extra is raised as it is."""
    name = f"{prefix}{rule.name}"
    try:
        return Check(name, "pass", rule.check(subject))
    except FindingError as finding:
        return Check(name, finding.status, str(finding), "" if finding.status == "skip" else rule.advice)
    except MissingExtraError:
        raise
    except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; it becomes the detail of its check
        return Check(name, "fail", f"it raised {described(error)}.", rule.advice)


def described(error: BaseException) -> str:
    """Type, first line of the message, and the innermost place outside this kit and outside installed packages."""
    text = str(error).strip().partition("\n")[0][:300]
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_HERE)]
    own = [frame for frame in frames if "site-packages" not in Path(frame.filename).parts]
    place = (own or frames)[-1:]
    return f"{said} ({Path(place[0].filename).name}, line {place[0].lineno})" if place else said


class Stages:
    """Things made once. What failed before is not tried again: the check that needs it is skipped."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._failed: set[str] = set()

    def get(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returned the first time. Raises what it raises, later `SkippedError`."""
        if name in self._failed:
            raise SkippedError(f"It needs the {name}, which failed above.")
        if name not in self._made:
            try:
                self._made[name] = make()
            except SkippedError:
                raise
            except Exception:
                self._failed.add(name)
                raise
        made: T = self._made[name]
        return made


def is_line(value: object) -> bool:
    """Whether it is one printable line of text, not blank."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def others(kind: type | UnionType, items: Iterable[object]) -> list[str]:
    """Names of the types of the items that are not of that kind."""
    return [type(item).__name__ for item in items if not isinstance(item, kind)]


def listed(items: Iterable[object], most: int = 5) -> str:
    """The first few items, quoted, with a count of the others."""
    found = [repr(item) for item in items]
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
