"""What the gate finds: every verdict is a code with amounts. `mmbench.reporting.verdict_words` puts it into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from mmbench.gating.ledger import Push
from mmbench.gating.preconditions import RuleCheck

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
noise``: no significant difference. ``newly failing``: samples failed that the baseline answered, or a limit is missed that
the baseline kept; ``fixed``: the reverse. ``missing``: the run lacks it; ``new``: the baseline does. ``not comparable``:
data, prompt or machine differ. ``inconclusive``: too few samples to see a drop of the tolerance."""

Outcome = Literal["passed", "violated", "undecided"]
"""Whether the rule holds; ``undecided`` where that cannot be said."""

# fmt: off
ReasonCode = Literal[
    # a metric beside its baseline
    "unchanged", "unchanged_too_few", "drop", "drop_beyond_tolerance", "drop_within_tolerance", "drop_beyond_margin", "no_drop", "no_drop_seen",
    "gain", "margin_excluded", "margin_not_excluded", "too_few_samples", "untestable", "no_drop_detectable", "samples_changed",
    "scores_unreadable",
    # a floor or a budget
    "limit_kept", "limit_missed",
    # what is missing or does not compare
    "no_task", "cannot_answer", "not_scored", "no_metric", "no_value", "samples_failed", "samples_newly_failed",
    "samples_missing", "samples_failed_in_both", "runs_differ", "nothing_in_common", "fewer_samples", "other_samples",
    # speed, memory and cost
    "not_measured", "other_machine", "other_conditions", "not_interleaved", "too_few_pairs", "too_few_repeats", "slower", "slower_within_factor", "faster",
    "no_slower",
]
# fmt: on
"""What decided. The amounts that go with a code are fields of the `Verdict`, or in its `details`."""

VIOLATED, UNDECIDED = 1, 3
"""Exit codes: a rule is violated; something is missing, or too little is known."""


class Tails(NamedTuple):
    """One-sided levels of the ends of an interval, each that of the test which the end agrees with."""

    drop: float
    """Of the end at the smallest drop: the interval excludes a smaller one where the test for a drop is significant at this level."""
    gain: float
    """Of the other end: the interval excludes a larger drop where the test for a gain on it is significant."""

    @property
    def level(self) -> float:
        """The level of the interval as a whole."""
        return 1.0 - (self.drop + self.gain)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule comes to. Numbers are in the metric's natural range or the base unit of speed; None where unknown."""

    check: RuleCheck
    """The rule, resolved against the runs."""
    word: Word
    """What the run is beside its baseline."""
    outcome: Outcome
    """Whether the rule holds."""
    reason: ReasonCode
    """What decided."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the reason names: counts, a side (``run`` or ``baseline``), or what differs."""
    baseline: float | None = None
    """The baseline's value, over the samples that both have."""
    value: float | None = None
    """The run's value, over the same samples."""
    difference: float | None = None
    """Run less baseline; for speed the factor by which the run is worse."""
    low: float | None = None
    """Lower end of the interval of the difference, at the level of the tests; of a limit, that of the run's value."""
    high: float | None = None
    """Upper end."""
    tails: Tails | None = None
    """Levels of its two ends: those of the tests, of a limit and where nothing could be tested those of a 95 % interval; None for
    speed."""
    p_value: float | None = None
    """One-sided p-value of a drop; for a ``regression`` rule about a metric adjusted by Holm over all such rules."""
    smallest: float | None = None
    """The minimum detectable effect: the true drop that this test sees in four of five cases; None where it would be larger than
    the metric's range."""
    n: int = 0
    """Samples that were compared; for speed the run's repeats."""
    coverage: float | None = None
    """The share of the samples that entered the verdict, from 0 to 1; None for speed."""
    seed_share: float | None = None
    """The share of the difference's variance that seeds add, where metrics are compared over several; else None."""
    gained: int = 0
    """Samples whose score rose."""
    lost: int = 0
    """Samples whose score fell."""
    bound_low: float | None = None
    """The difference (of a limit the run's value) if every truncated, unparsed, refused and failed answer were at that end of its
    range where this is lowest; None where there are no such answers, and where the metric has no bounds."""
    bound_high: float | None = None
    """The same where it is highest."""
    at_bound: Outcome | None = None
    """What the rule would come to at the bound that speaks against the verdict; None where that is the same."""

    @property
    def level(self) -> float | None:
        """The level of the interval; None where there is none."""
        return None if self.tails is None or self.low is None or self.high is None else self.tails.level

    def to_dict(self) -> dict[str, Any]:
        """All of it in one flat object, for JSON; without sentences."""
        rule = self.check.rule
        return {
            "rule": rule.text,
            "task": rule.task,
            "metric": rule.metric,
            "policy": rule.policy,
            "default": not self.check.given,
            "threshold": None if rule.amount is None else rule.amount.text,
            "limit": None if rule.amount is None else self.check.threshold,
            "alpha": self.check.alpha if rule.policy in ("regression", "non-inferiority") else None,
            "verdict": self.word,
            "outcome": self.outcome,
            "reason_code": self.reason,
            "reason_details": dict(self.details),
            "baseline": self.baseline,
            "value": self.value,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "tail_drop": None if self.tails is None else self.tails.drop,
            "tail_gain": None if self.tails is None else self.tails.gain,
            "p_value": self.p_value,
            "mde": self.smallest,
            "n": self.n,
            "coverage": self.coverage,
            **({} if self.seed_share is None else {"seed_share": self.seed_share}),
            "gained": self.gained,
            "lost": self.lost,
            "bound_low": self.bound_low,
            "bound_high": self.bound_high,
            "overturned": self.at_bound is not None,
            "outcome_at_bound": self.at_bound,
        }


@dataclass(frozen=True, slots=True)
class GateResult:
    """The verdicts of one gate."""

    run: str
    """The run: label and path."""
    baseline: str | None
    """The baseline, likewise; None where no rule needs one."""
    verdicts: Sequence[Verdict]
    """One for each rule, in order."""
    model: str = ""
    """Name of the model that is judged: the same from run to run."""
    repeats: tuple[int, int] = (1, 1)
    """How many runs and baselines were given."""
    notes: tuple[str, ...] = ()
    """What must be known of the runs besides, a sentence each."""
    seeds: tuple[int, int] | None = None
    """The seeds of run and baseline, where they differ; None where they do not, and without a baseline."""
    over_seeds: bool = False
    """Whether metrics are compared over several seeds a side."""
    push: Push | None = None
    """Which push this is against the baseline; None where no ledger counts them."""

    @property
    def exit_code(self) -> int:
        """0; 1 where a rule is violated; else 3 where one is undecided.

        A violation is established on samples that both sides have, whatever is missing elsewhere, so it wins.
        """
        outcomes = {verdict.outcome for verdict in self.verdicts}
        return VIOLATED if "violated" in outcomes else UNDECIDED if "undecided" in outcomes or not outcomes else 0

    @property
    def defaults(self) -> int:
        """How many rules nobody wrote: those of primary metrics that no written rule is about."""
        return sum(not verdict.check.given for verdict in self.verdicts)

    @property
    def family(self) -> int:
        """How many p-values Holm's correction is over."""
        return sum(
            each.check.rule.policy == "regression" and each.check.perf is None and each.p_value is not None
            for each in self.verdicts
        )
