"""What the gate says: one model of verdicts that every output is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmbench.gating.rules import Rule

Word = Literal[
    "improved",
    "same",
    "within noise",
    "regressed",
    "newly failing",
    "fixed",
    "missing",
    "new",
    "not comparable",
    "inconclusive",
]
"""What a run is beside its baseline. ``improved``, ``regressed``: significantly. ``same``: no sample changed. ``within
noise``: no significant difference. ``newly failing``: samples ended in an error that the baseline answered, or a limit
is missed that the baseline kept; ``fixed``: the reverse. ``missing``: the run lacks it; ``new``: the baseline does.
``not comparable``: data, prompt or machine differ. ``inconclusive``: too few samples to see a drop of the tolerance."""

Outcome = Literal["passed", "violated", "undecided"]
"""Whether the rule holds; ``undecided`` where that cannot be said."""

VIOLATED, UNDECIDED = 1, 3
"""Exit codes: a rule is violated; something is missing, or too little is known."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule comes to. Numbers are in the metric's natural range or the figure's base unit; None where unknown."""

    rule: Rule
    """The rule."""
    word: Word
    """What the run is beside its baseline."""
    outcome: Outcome
    """Whether the rule holds."""
    reason: str
    """Why, in one sentence."""
    baseline: float | None = None
    """The baseline's value, over the samples that both have."""
    value: float | None = None
    """The run's value, over the same."""
    difference: float | None = None
    """Run less baseline; for figures of speed the factor by which the run is worse."""
    low: float | None = None
    """Lower end of the 95 % interval of the difference."""
    high: float | None = None
    """Upper end."""
    p_value: float | None = None
    """One-sided p-value of a drop; of a ``regression`` of a metric adjusted by Holm over all such rules."""
    smallest: float | None = None
    """The minimum detectable effect: the true drop that this test sees in four of five cases."""
    n: int = 0
    """Samples that were compared; for figures of speed the run's repeats."""
    gained: int = 0
    """Samples whose score rose."""
    lost: int = 0
    """Samples whose score fell."""
    scale: float = 100.0
    """What tables multiply by."""
    unit: str = "pt"
    """What is shown: points, or the unit of a figure."""

    @property
    def shown(self) -> str:
        """The verdict in words for people: `word`, but for a floor, a budget or exactness that does not hold what became of it.

        Beside a baseline that is no better, or no baseline at all, a missed limit is neither "same" nor "new".
        """
        if self.outcome == "violated" and self.word not in ("regressed", "newly failing"):
            return "changed" if self.rule.policy == "exact" else "misses the limit"
        untold = self.rule.policy == "absolute" and self.word in ("new", "not comparable")
        return "within the limit" if untold and self.outcome == "passed" else self.word

    def to_dict(self) -> dict[str, Any]:
        """Flat, for JSON."""
        amount = self.rule.amount
        return {
            "rule": self.rule.text,
            "task": self.rule.task,
            "metric": self.rule.metric,
            "policy": self.rule.policy,
            "threshold": None if amount is None else amount.text,
            "alpha": self.rule.alpha if self.rule.policy in ("regression", "non-inferiority") else None,
            "verdict": self.word,
            "outcome": self.outcome,
            "reason": self.reason,
            "baseline": self.baseline,
            "value": self.value,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
            "p_value": self.p_value,
            "mde": self.smallest,
            "n": self.n,
            "gained": self.gained,
            "lost": self.lost,
        }


@dataclass(frozen=True, slots=True)
class GateResult:
    """The verdicts of one gate."""

    run: str
    """The run, as it is shown."""
    baseline: str | None
    """The baseline; None where no rule needs one."""
    verdicts: Sequence[Verdict]
    """One a rule, in order."""
    notes: Sequence[str] = ()
    """What has to be said beside them."""
    model: str = ""
    """Name of the model that is judged: the same from run to run."""

    @property
    def exit_code(self) -> int:
        """0; 1 where a rule is violated; else 3 where one is undecided.

        A violation is established on samples that both sides have, whatever is missing elsewhere: it wins.
        """
        outcomes = {verdict.outcome for verdict in self.verdicts}
        return VIOLATED if "violated" in outcomes else UNDECIDED if "undecided" in outcomes or not outcomes else 0

    @property
    def headline(self) -> str:
        """How it ended, in one sentence."""
        count = {word: sum(v.outcome == word for v in self.verdicts) for word in ("passed", "violated", "undecided")}
        total = len(self.verdicts)
        rules = f"{total:,} rule{'' if total == 1 else 's'}"
        against = f" against {self.baseline}" if self.baseline else ""
        end = {0: "passed", VIOLATED: "failed", UNDECIDED: "undecided"}[self.exit_code]
        parts = [f"{count[word]:,} {word}" for word in ("violated", "undecided", "passed") if count[word]]
        return f"gate {end}: {self.run}{against}, {rules}: {', '.join(parts) or 'none'}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "exit_code": self.exit_code,
            "run": self.run,
            "baseline": self.baseline,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "notes": list(self.notes),
        }
