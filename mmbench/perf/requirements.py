"""Installed packages against the lower bounds that mmbench declares."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version

from mmbench.core.errors import UsageError

_REQUIREMENT = re.compile(
    r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*\(?>=\s*([0-9][0-9.]*)\)?\s*(?:;\s*extra == ['\"]([^'\"]+)['\"])?"
)
_TOOLS = frozenset({"test", "dev"})
"""Extras that no user needs."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The oldest release of a package that mmbench works with."""

    package: str
    """Name of the distribution."""
    version: str
    """That release, such as ``4.56``."""
    extra: str
    """The extra of mmbench that brings it; empty for a package that mmbench always needs."""

    @property
    def command(self) -> str:
        """What to type for a release that will do."""
        return f'pip install -U "mmbench[{self.extra}]"' if self.extra else "pip install -U mmbench"


@dataclass(frozen=True, slots=True)
class TooOld:
    """An installed package that is older than its bound."""

    bound: Bound
    """What is wanted."""
    installed: str
    """What there is."""

    def __str__(self) -> str:
        wanted = self.bound
        return (
            f"{wanted.package} {self.installed} is installed, and mmbench needs {wanted.version} or newer: "
            f"{wanted.command}"
        )


def too_old(packages: Collection[str] | None = None) -> list[TooOld]:
    """Packages that are installed in a release older than mmbench declares.

    Args:
        packages: Names to look at; None: all that mmbench declares for its users.

    Returns:
        In the order of the declaration, each package once. A package that is not installed is not too old.
    """
    found: dict[str, TooOld] = {}
    for bound in bounds():
        if packages is not None and bound.package not in packages:
            continue
        try:
            installed = version(bound.package)
        except PackageNotFoundError:
            continue
        if release(installed) < release(bound.version):
            found.setdefault(bound.package, TooOld(bound, installed))
    return list(found.values())


@cache
def check_not_too_old(feature: str, packages: tuple[str, ...]) -> None:
    """Raise `UsageError` where one of these packages is older than mmbench declares; `feature` needs them."""
    for each in too_old(packages):
        raise UsageError(f"{feature} cannot be loaded: {each}")


@cache
def bounds() -> tuple[Bound, ...]:
    """The lower bounds in the metadata of the installed mmbench, those of tests and development left out."""
    return tuple(bound for bound in _declared() if bound.extra not in _TOOLS)


def release(text: str) -> tuple[int, ...]:
    """The numbers of a version, without what marks a candidate or a local build.

    >>> release("4.56.0.dev0"), release("2.13.0+cpu") >= release("2.4")
    ((4, 56), True)
    """
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    parts = [int(part) for part in numbers.group().split(".")] if numbers else [0]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _declared() -> Iterator[Bound]:
    try:
        lines = requires("mmbench") or []
    except PackageNotFoundError:
        return
    for line in lines:
        if matched := _REQUIREMENT.match(line):
            name, oldest, extra = matched.groups()
            yield Bound(name.lower(), oldest, extra or "")
