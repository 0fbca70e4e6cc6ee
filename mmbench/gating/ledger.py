"""Count the pushes that are gated against a baseline, so that all of them together share one level (``--sequential``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from mmbench.core.errors import DamagedFileError, NewerSchemaError, NotComparableError, RunFailedError, UsageError
from mmbench.gating.preconditions import RuleCheck
from mmbench.results.codec import digest, pretty_json, read_file, seal, write_atomic, write_failed
from mmbench.results.run import Run
from mmbench.results.schema import StoredRecord

FORMAT: Final = "mmbench-gate-ledger"
"""What the file calls itself."""
LEDGER_VERSION = 1
"""Version of the records of this module."""
WAIT_S = 60.0
"""How long another gate may hold the ledger."""


class CountedPush(StoredRecord, frozen=True, kw_only=True):
    """One push that was gated."""

    candidate: str
    """Digest of what was judged: of every run its identity (model, digest, options, seed) and its scores; where rules are about
    speed also what was measured."""
    rules: str
    """Digest of the rules, defaults included."""
    model: str
    """Name of the model, for people."""
    counted: str
    """When it was gated first, ISO 8601 in UTC."""


class LedgerFile(StoredRecord, frozen=True, kw_only=True):
    """The file of ``mmbench gate --sequential``: which pushes were gated against which baseline, in order."""

    format: Literal["mmbench-gate-ledger"]
    """Always ``mmbench-gate-ledger``."""
    version: int
    """`LEDGER_VERSION` of the writer."""
    baselines: dict[str, list[CountedPush]]
    """Digest of a baseline (identity and scores of its run, the same for a run directory and a file that was saved from it) to
    its pushes; the number of a push is its place, from 1."""
    digest: str = ""
    """sha256 over all other fields as canonical JSON; a file that does not match it is refused."""


@dataclass(frozen=True, slots=True)
class Push:
    """The place of a gate among all those against the same baseline."""

    number: int
    """1 for the first push."""
    counted_before: bool
    """Whether the same candidate had been gated by the same rules already, so that nothing new was counted."""
    baseline: str
    """Digest of the baseline, the key in the ledger."""

    @property
    def share(self) -> float:
        """The share of alpha that is spent: 6 / (π² k²) for push k, which sums to 1 over all pushes."""
        return 6 / (math.pi**2 * self.number**2)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "push": self.number,
            "share_of_alpha": self.share,
            "counted_before": self.counted_before,
            "baseline_digest": self.baseline,
        }


def count_push(path: Path, runs: Sequence[Run], baselines: Sequence[Run], checks: Sequence[RuleCheck]) -> Push:
    """Count a push in a ledger, and say which one it is.

    The ledger is written before anything is judged, so that no verdict is ever seen without its share being spent. A candidate
    that was gated by the same rules before keeps its number: the same scores are no second chance of a false alarm.

    Args:
        path: The ledger; it is made where there is none.
        runs: The run and its repeats.
        baselines: The baseline and its repeats.
        checks: The rules, resolved.

    Raises:
        DamagedFileError: If the file is not what was written; it is left as it is.
        NotComparableError: If it cannot be read, or is no ledger.
        RunFailedError: If it cannot be written, or another process holds it for more than a minute.
    """
    from filelock import FileLock, Timeout

    lock = path.with_name(f".{path.name}.lock")
    try:
        with FileLock(lock, timeout=WAIT_S):
            return _count(path, runs, baselines, checks)
    except Timeout as error:
        raise RunFailedError(f"another gate holds {path}: wait for it, and give the command again") from error
    except OSError as error:
        raise write_failed(lock, error) from error


def _count(path: Path, runs: Sequence[Run], baselines: Sequence[Run], checks: Sequence[RuleCheck]) -> Push:
    ledger = read_ledger(path)
    key = digest([_contents(side, ()) for side in baselines])
    timed = sorted({check.rule.task for check in checks if check.perf is not None})
    candidate = digest([_contents(side, timed) for side in runs])
    rules = digest([check.rule.text for check in checks])
    pushes = ledger.baselines.get(key, [])
    for number, push in enumerate(pushes, 1):
        if (push.candidate, push.rules) == (candidate, rules):
            return Push(number, counted_before=True, baseline=key)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    new = CountedPush(candidate=candidate, rules=rules, model=runs[0].model.name, counted=now)
    baselines_after = {**ledger.baselines, key: [*pushes, new]}
    written = msgspec.structs.replace(ledger, baselines=baselines_after, digest="")
    document = msgspec.structs.replace(written, digest=seal(msgspec.to_builtins(written)))
    write_atomic(path, pretty_json(document))
    return Push(len(pushes) + 1, counted_before=False, baseline=key)


def _contents(side: Run, timed: Sequence[str]) -> dict[str, Any]:
    """What tells a run from another for the gate: its identity, its scores, and of these tasks the figures of speed."""
    scores = {name: task.entry.scoring for name, task in side.tasks.items()}
    perf = {name: msgspec.to_builtins(side.tasks[name].perf) for name in timed if name in side.tasks}
    return {"identity": side.record.identity, "scores": scores, "perf": perf}


def read_ledger(path: Path) -> LedgerFile:
    """Read a ledger strictly; an empty one where there is no file.

    Raises:
        DamagedFileError: If it is not what was written.
        NewerSchemaError: If a newer mmbench wrote it.
        NotComparableError: If it cannot be read, or is no ledger.
    """
    if not path.exists():
        return LedgerFile(format=FORMAT, version=LEDGER_VERSION, baselines={})
    data = read_file(path)
    again = "Restore it, or remove it to count from 1 again"
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(path, f"{error}. {again}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise NotComparableError(
            f"{path} is no ledger of gates and is left as it is: name another file for --sequential"
        )
    version = document.get("version")
    if isinstance(version, int) and version > LEDGER_VERSION:
        raise NewerSchemaError(path, version, LEDGER_VERSION)
    try:
        ledger = msgspec.convert(document, LedgerFile)
        whole = ledger.version == LEDGER_VERSION and ledger.digest == seal(document)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DamagedFileError(path, f"{error}. {again}") from error
    if not whole:
        raise DamagedFileError(path, f"its content does not match its digest. {again}")
    return ledger


def check_sequential(baselines: Sequence[Run]) -> None:
    """Raise `UsageError` where there is no baseline to count pushes against."""
    if not baselines:
        raise UsageError("--sequential counts the pushes against a baseline: add --baseline RUN|FILE")
