"""`mmbench.gate`: hold runs against baselines and limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from mmbench.analysis.variants import checked_allowances
from mmbench.api.references import references_of
from mmbench.core.errors import MissingBaselineError, RunNotFoundError, UsageError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.gating import judge
from mmbench.gating.rules import Rule, check_together, parse_requirement, replaced, rules_of_table
from mmbench.gating.verdicts import GateResult
from mmbench.resolve.config import load_config
from mmbench.resolve.current import STALE, load_current
from mmbench.results.baseline import IMPORTED, check_own
from mmbench.results.run import Run

__all__ = ["GateResult", "gate"]


@dataclass(frozen=True, slots=True)
class GateInput:
    """All that a gate reads."""

    runs: Sequence[Run]
    """The runs under test."""
    baselines: Sequence[Run]
    """What they are held against."""
    rules: Sequence[Rule]
    """The rules that apply."""
    notes: tuple[str, ...]
    """Rules of the file that a typed one replaces, a sentence each."""
    stale: tuple[str, ...] = ()
    """Runs whose model's file has changed since, a sentence each."""


class GateOptions(TypedDict, total=False):
    """Keywords of `gate` that change how it judges, beside the rules."""

    allow: str | Iterable[str]
    """What may differ between run and baseline, as for `mmbench.compare`; ``stale``: a run may be named by a model that has changed
    since; ``imported``: a baseline may be a run of another tool."""
    sequential: str | Path | None
    """A file that counts the pushes gated against this baseline, for a gate on every push: push k spends 6/(π²k²) of alpha, so that all
    together raise a false alarm no more often than alpha says."""


def gate(
    runs: Any,
    *,
    baselines: Any = (),
    require: str | Iterable[str] = (),
    rules: str | Path | None = None,
    only: bool = False,
    out: str | Path = RUNS,
    **more: Unpack[GateOptions],
) -> GateResult:
    """Hold a run against its baseline and against limits.

    Args:
        runs: A run directory, a name under `out`, or what `mmbench.run` or `mmbench.load_run` returned; several are
            repeats of one model.
        baselines: Runs as well, or files of `mmbench.save_baseline`; empty where all rules are absolute.
        require: Rules, such as ``vqa/scenes:accuracy drop<1pt``; each replaces the file's rule of the same metric and
            policy.
        rules: A file with ``[[gate.rule]]`` tables; None: ``mmbench.toml`` in the working directory, if there is one.
        only: Check nothing but these rules. Otherwise every primary metric that none of them is about must not drop
            significantly.
        out: The folder of all runs.
        **more: ``allow`` and ``sequential``, see `GateOptions`.

    Returns:
        A verdict for each rule. `GateResult.exit_code` is 0 if all rules hold, 1 if one is violated, and 3 if none is
        violated but it cannot be told of all.

    Raises:
        UsageError: For a wrong rule, or a run that is not there.
        StaleRunError: If a run is named by its model and the model's file has changed since.
        MissingBaselineError: If a baseline has not been saved yet.
        NotComparableError: For files that are damaged, or of a newer schema.
        RunFailedError: If the file of `sequential` cannot be written.

    Example:
        >>> import mmbench
        >>> result = mmbench.gate(  # doctest: +SKIP
        ...     "mymodel", baselines="gates/mymodel.json", require="vqa/scenes:accuracy drop<1pt"
        ... )
        >>> result.exit_code  # doctest: +SKIP
        0
    """
    allowed, sequential = checked_allowances(names_of(more.get("allow", ())), (STALE, IMPORTED)), more.get("sequential")
    found = gate_input(references_of(runs), references_of(baselines), (require, rules), out, allowed)
    ledger = None if sequential is None else Path(sequential)
    return judged(found, allowed, only=only, ledger=ledger)


def gate_input(
    runs: Sequence[str],
    baselines: Sequence[str],
    rules: tuple[str | Iterable[str], str | Path | None],
    out: str | Path,
    allow: frozenset[str],
) -> GateInput:
    """Read all that a gate needs; arguments and errors as of `gate`, `rules` being what was typed and the file."""
    if not runs:
        raise UsageError("a gate needs a run")
    require, file = rules
    applied, notes = _rules([require] if isinstance(require, str) else require, file)
    read, stale = load_current(runs, Path(out), allow)
    held, more = [], list(stale)
    for each in baselines:
        (baseline,), said = _load_baseline(each, runs[0], Path(out), allow)
        if not baseline.path.is_file():  # a saved one was allowed when it was saved
            check_own([baseline], allow)
        held.append(baseline)
        more += said
    return GateInput(read, held, applied, notes, tuple(dict.fromkeys(more)))


def judged(found: GateInput, allow: frozenset[str], *, only: bool, ledger: Path | None) -> GateResult:
    """Judge what was read; arguments and errors as of `gate`."""
    result = judge.gate(found.runs, found.baselines, found.rules, allow - {STALE, IMPORTED}, only=only, ledger=ledger)
    return replace(result, notes=found.stale)


def _rules(require: Iterable[str], file: str | Path | None) -> tuple[list[Rule], tuple[str, ...]]:
    """The rules of the file and those that were typed, and what replaces what."""
    config = load_config(path=None if file is None else Path(file))
    written = rules_of_table(config.gate_rules, str(config.path))
    if file is not None and not written:
        raise UsageError(f"--rules {file}: it holds no [[gate.rule]]")
    typed = [parse_requirement(text) for text in require]
    gone = replaced(written, typed)
    rules = [*(rule for rule in written if rule not in [old for old, _ in gone]), *typed]
    check_together(rules)
    return rules, tuple(f"{new.text!r} of --require replaces {old.text!r} ({old.source})" for old, new in gone)


def _load_baseline(reference: str, run: str, out: Path, allow: frozenset[str]) -> tuple[list[Run], list[str]]:
    """Load a baseline, with what must be known of it. Raises `MissingBaselineError`, which names the command that saves one, where there is none yet."""
    try:
        return load_current([reference], out, allow)
    except RunNotFoundError as error:
        file = reference if Path(reference).suffix else f"gates/{Path(reference).name}.json"
        raise MissingBaselineError(reference, out, f"mmbench baseline save {run} {file}") from error
