"""What the kit found: one `Check` a promise, in a `Report`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmbench.core.errors import MmbenchError

Status = Literal["pass", "note", "skip", "fail"]
"""``pass``: kept. ``note``: worth knowing, no promise is broken. ``skip``: does not apply. ``fail``: broken."""

SHOWN: dict[Status, str] = {"pass": "pass", "note": "note", "skip": "skip", "fail": "FAIL"}
"""How a status is printed."""


class ConformanceError(MmbenchError):
    """A plug-in breaks a promise that the harness relies on. The text lists every failed check."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and whether it is kept."""

    name: str
    """Short name, unique within its report."""
    status: Status
    """How it ended."""
    detail: str
    """One sentence: what was found, or why the check does not apply."""
    advice: str = ""
    """What to do; empty unless the check failed or left a note."""

    def __str__(self) -> str:
        line = f"{SHOWN[self.status]}  {self.name}: {self.detail}"
        return f"{line} To do: {self.advice}" if self.advice else line


@dataclass(frozen=True, slots=True)
class Report:
    """Every check of one plug-in."""

    kind: Literal["task", "model", "metric", "fusion"]
    """What was checked."""
    name: str
    """Its name."""
    checks: tuple[Check, ...]
    """In the order in which they were made."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was found beside the checks, for programs; JSON can hold it. Empty for most plug-ins."""

    @property
    def ok(self) -> bool:
        """No check failed. Notes and skipped checks do not count."""
        return not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "fail")

    def raise_if_failed(self) -> None:
        """Raise `ConformanceError`, which lists every failed check; return if there is none."""
        if self.failed:
            lines = [f"{self.kind} {self.name} fails {len(self.failed)} of {len(self.checks)} checks:"]
            raise ConformanceError("\n".join([*lines, *map(str, self.failed)]))

    def to_dict(self) -> dict[str, Any]:
        """What ``mmbench check --json`` prints of it."""
        checks = [
            {"name": check.name, "status": check.status, "detail": check.detail, "advice": check.advice}
            for check in self.checks
        ]
        facts = {"facts": dict(self.facts)} if self.facts else {}
        return {"kind": self.kind, "name": self.name, "ok": self.ok, "checks": checks, **facts}

    def summary(self) -> str:
        """Counts by status, such as ``20 passed, 1 failed, 2 skipped``."""
        words: tuple[tuple[Status, str], ...] = (
            ("pass", "passed"),
            ("fail", "failed"),
            ("note", "noted"),
            ("skip", "skipped"),
        )
        counts = {status: sum(check.status == status for check in self.checks) for status, _ in words}
        return ", ".join(f"{counts[status]} {word}" for status, word in words if counts[status] or status == "pass")

    def __getitem__(self, name: str) -> Check:
        """The check of that name. Raises KeyError."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __len__(self) -> int:
        return len(self.checks)

    def __str__(self) -> str:
        return "\n".join([f"{self.kind} {self.name}: {self.summary()}", *map(str, self.checks)])
