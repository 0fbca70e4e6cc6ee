"""Put the verdicts of a gate into words: the one place for all outputs."""

from __future__ import annotations

from typing import Any

from mmbench.gating.ledger import Push
from mmbench.gating.rules import ALPHA
from mmbench.gating.verdicts import UNDECIDED, VIOLATED, GateResult, ReasonCode, Verdict
from mmbench.reporting.text import fixed

BOUNDS = (
    "bounds: the change if every truncated, unparsed, refused and failed answer of one side were wrong and of the other right; of a "
    "limit, the run's value if all of its were wrong, and if all were right"
)
"""What the bounds beside a verdict mean."""

_SENTENCES: dict[ReasonCode, str] = {
    "unchanged": "no sample changed",
    "drop": "a {fall} of {drop}, significant",
    "drop_beyond_tolerance": "a {fall} of {drop}, more than {tolerance} and significant",
    "drop_within_tolerance": "a significant {fall} of {drop}, within {tolerance}",
    "drop_beyond_margin": "a {fall} of {drop}, beyond the margin of {tolerance} and significant",
    "no_drop": "no significant {fall}",
    "no_drop_seen": "no significant {fall}; one below {smallest} can be missed",
    "gain": "a significant gain",
    "margin_excluded": "the interval excludes a {fall} beyond {tolerance}",
    "margin_not_excluded": "the interval does not exclude a {fall} beyond {tolerance}",
    "unchanged_too_few": "no sample changed, but among {clusters:,} clusters that does not exclude a {fall} of up to {smallest}, and "
    "{tolerance} is the tolerance",
    "too_few_samples": "too few samples: a {fall} below {smallest} can be missed, and {tolerance} is the tolerance",
    "no_drop_detectable": "too few or too uneven clusters ({clusters:,}): even a {fall} of {span} would be missed more than 2 times in 10, "
    "so nothing can be decided",
    "untestable": "{why}",
    "samples_changed": "{changed:,} of {of:,} samples changed",
    "scores_unreadable": "its scores cannot be read",
    "limit_kept": "{kept} of {limit}",
    "limit_missed": "{missed} of {limit}",
    "no_task": "the {side} has no {task}",
    "cannot_answer": "the {side} cannot answer {task} ({why})",
    "not_scored": "the {side} has no scores of {task} ({status})",
    "no_metric": "the {side} has no {metric} of {task}",
    "no_value": "the {side} has no value of {metric}: {why}",
    "samples_failed": "{samples:,} of {of:,} samples failed",
    "samples_newly_failed": "{some} of the baseline failed in the run",
    "samples_missing": "the run lacks {some} of the baseline",
    "samples_failed_in_both": "{some} failed in both",
    "runs_differ": "{differences}",
    "nothing_in_common": "the two runs have no values in common",
    "fewer_samples": "the run has {samples:,} of the baseline's {of:,} samples",
    "other_samples": "the run has other samples than the baseline",
    "not_measured": "the {side} has no valid {metric}: {why}",
    "other_machine": "another machine: {machine}",
    "other_conditions": "measured under other conditions: {conditions}",
    "not_interleaved": "speeds of runs that did not take turns do not compare, since machines change from one day to the next: make "
    "both by mmbench run --model M --interleave BASELINE --repeats {needed}",
    "too_few_pairs": "{pairs} pairs of runs that took turns can show nothing at alpha {alpha:g}: {needed} are needed (--repeats {needed})",
    "too_few_repeats": "{repeats} and {baseline_repeats} repeats can show nothing at alpha {alpha:g}: give RUN and --baseline "
    "{needed} times each, runs of the same model in sessions of their own",
    "slower": "{factor:.3g} times as much or as slow, more than {threshold:g}, and significant",
    "slower_within_factor": "significantly worse, but within a factor of {threshold:g}",
    "faster": "significantly better",
    "no_slower": "no significant difference over {repeats} and {baseline_repeats} repeats",
}
"""The sentence for each reason; names in braces are amounts and details of the verdict."""


def reason_text(verdict: Verdict) -> str:
    """Why a rule holds or does not, in one sentence."""
    check, details = verdict.check, verdict.details
    sentence = _SENTENCES[verdict.reason]
    if verdict.reason == "limit_kept" and verdict.word == "fixed":
        sentence += ", which the baseline missed"
    elif details.get("side") == "baseline" and check.given and check.perf is None:
        sentence += ": save another (mmbench baseline save RUN FILE)"
    elif details.get("fixed"):
        sentence += "; of the samples that failed in the baseline {fixed:,} did not fail again"
    floor = check.higher_is_better
    if verdict.at_bound is not None:
        sentence += _in_doubt(verdict)
    amounts: dict[str, Any] = {
        "fall": "drop" if floor else "rise",
        "drop": points(None if verdict.difference is None else abs(verdict.difference), check.scale),
        "tolerance": points(check.threshold, check.scale),
        "smallest": points(verdict.smallest, check.scale),
        "limit": check.rule.amount.text if check.rule.amount else "",
        "kept": "at or above the floor" if floor else "within the budget",
        "missed": "below the floor" if floor else "above the budget",
        "task": check.rule.task,
        "metric": check.rule.metric,
        "alpha": check.alpha,
        "threshold": check.threshold,
        "factor": verdict.difference,
        **details,
        "some": f"{details.get('samples', 0):,} sample{'' if details.get('samples') == 1 else 's'}",
        "span": points(details.get("span"), check.scale),
        "differences": "; ".join(details.get("differences", ())),
        "machine": "; ".join(f"{name} {a} against {b}" for name, (a, b) in details.get("machine", {}).items()),
        "conditions": " against ".join(details.get("conditions", ())),
    }
    return sentence.format_map(amounts)


def _in_doubt(verdict: Verdict) -> str:
    """What a verdict rests on that a bound would overturn."""
    run, baseline = ("wrong", "right") if verdict.outcome == "passed" else ("right", "wrong")
    beside = f" and of the baseline {baseline}" if verdict.check.rule.policy != "absolute" else ""
    end = {"violated": "violated", "undecided": "undecided", "passed": "kept"}[verdict.at_bound or verdict.outcome]
    answers = "truncated, unparsed, refused and failed answer"
    return f"; in doubt, since the rule would be {end} if every {answers} of the run were {run}{beside}"


def verdict_text(verdict: Verdict) -> str:
    """The verdict in words for people: its word, unless that would read as if a rule held that does not.

    A verdict that a bound would overturn is ``in doubt``.

    Beside a baseline that is no better, or no baseline at all, a missed limit is neither "same" nor "new".
    """
    return f"{_word(verdict)}{'' if verdict.at_bound is None else ' (in doubt)'}"


def _word(verdict: Verdict) -> str:
    policy = verdict.check.rule.policy
    if verdict.outcome == "violated" and verdict.word not in ("regressed", "newly failing"):
        return "changed" if policy == "exact" else "misses the limit"
    untold = policy == "absolute" and verdict.word in ("new", "not comparable")
    return "within the limit" if untold and verdict.outcome == "passed" else verdict.word


def headline(result: GateResult) -> str:
    """How a gate ended, in one sentence."""
    outcomes = [verdict.outcome for verdict in result.verdicts]
    rules = f"{len(outcomes):,} rule{'' if len(outcomes) == 1 else 's'}"
    against = f" against {result.baseline}" if result.baseline else ""
    end = {0: "passed", VIOLATED: "failed", UNDECIDED: "undecided"}[result.exit_code]
    parts = [f"{outcomes.count(word):,} {word}" for word in ("violated", "undecided", "passed") if word in outcomes]
    return f"gate {end}: {result.run}{against}, {rules}: {', '.join(parts) or 'none'}"


def gate_notes(result: GateResult) -> list[str]:
    """What has to be said beside the verdicts."""
    notes = [*result.notes]
    if result.seeds is not None:
        run, baseline = result.seeds
        notes.append(
            f"the run has seed {run} and the baseline seed {baseline}: what chance in training or sampling changes is in the change, too"
        )
    if result.defaults:
        which = "every primary metric is"
        if result.defaults < len(result.verdicts):
            metrics = "metric that no rule names is" if result.defaults == 1 else "metrics that no rule names are"
            which = f"{result.defaults:,} primary {metrics} also"
        no_rule = "no rule is given, so " if result.defaults == len(result.verdicts) else ""
        only = "" if no_rule else "; --only leaves that out"
        notes.append(
            f"{no_rule}{which} held against the baseline: no significant drop (regression, tolerance 0pt, alpha {ALPHA:g}){only}"
        )
    if result.push is not None:
        notes.append(push_text(result.push))
    if result.family > 1:
        notes.append(f"p-values of a drop are one-sided and adjusted by Holm over {result.family} rules")
    if any(verdict.bound_low is not None for verdict in result.verdicts):
        notes.append(BOUNDS)
    if result.over_seeds:
        runs, baselines = result.repeats
        notes.append(
            f"metrics are compared by their means over {runs} and {baselines} seeds; samples and seeds are both drawn at random, and from seeds "
            "is the share of the variance that the seeds add, which more samples would not lower; limits and exact are about the first runs"
        )
    elif max(result.repeats) > 1:
        runs, baselines = result.repeats
        first = f"{result.run}{f' and {result.baseline}' if result.baseline else ''}"
        notes.append(f"metrics are those of {first}; {runs} and {baselines} repeats serve rules about speed")
    return notes


def push_text(push: Push) -> str:
    """Which push this is, and what it spends."""
    again = ", which was gated so before and is not counted again" if push.counted_before else ""
    return (
        f"push {push.number:,} against this baseline{again}: its tests spend 6/(π²·{push.number}²) = {100 * push.share:.3g} % of alpha, so "
        "that all pushes together raise a false alarm no more often than alpha says"
    )


def gate_document(result: GateResult) -> dict[str, Any]:
    """The result for JSON: codes and amounts, and beside them the sentences."""
    return {
        "exit_code": result.exit_code,
        "run": result.run,
        "baseline": result.baseline,
        "sequential": None if result.push is None else result.push.to_dict(),
        "verdicts": [{**verdict.to_dict(), "reason": reason_text(verdict)} for verdict in result.verdicts],
        "notes": gate_notes(result),
    }


def points(value: float | None, scale: float) -> str:
    """An amount of a metric as tables show it: in points of what is shown as per cent, else a plain number.

    >>> points(0.0123, 100.0), points(150.0, 1.0)
    ('1.23pt', '150.00')
    """
    return "unknown" if value is None else f"{fixed(scale * value, 2)}{'pt' if scale == 100.0 else ''}"
