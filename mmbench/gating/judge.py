"""The gate itself: two runs and rules become verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mmbench.analysis.joins import join_tables
from mmbench.comparison.differences import Comparison, MetricDifference, compare_runs, read_pair
from mmbench.comparison.metrics import metric_for
from mmbench.core.errors import NotComparableError, UsageError
from mmbench.gating.decide import (
    Decision,
    Evidence,
    decide_limit,
    decide_margin,
    decide_regressions,
    relation,
    turned,
)
from mmbench.gating.resolve import Target, default_rules, resolve
from mmbench.gating.rules import ALPHA, Rule, check_together
from mmbench.gating.speed import judge_figure
from mmbench.gating.verdicts import GateResult, Outcome, Verdict, Word
from mmbench.results.run import Run, TaskResult


def gate(runs: Sequence[Run], baselines: Sequence[Run], rules: Sequence[Rule] = ()) -> GateResult:
    """Judge a run by rules.

    Parameters: `runs`, the run and repeats of it; `baselines`, the baseline and repeats of it, empty where every rule is
    absolute; `rules`, none for `default_rules`. Metrics are judged on the first of each; the others are repeats that rules
    about speed need.

    Raises `UsageError` for rules that cannot be meant, for runs of several models on one side, and where a baseline is needed
    and there is none; `NotComparableError` where there is nothing to judge, and for files that are damaged.
    """
    check_sides(runs, baselines)
    check_together(rules)
    run, baseline = runs[0], baselines[0] if baselines else None
    sides = [run, baseline] if baseline else [run]
    if not rules and baseline is None:
        raise UsageError(
            "nothing to judge: give --baseline RUN|FILE, or rules (--require, or [[gate.rule]] in mmbench.toml)"
        )
    wanted = rules or default_rules(*sides)
    if not wanted:
        raise NotComparableError(f"neither {run.path} nor its baseline has a scored task, so there is nothing to judge")
    targets = resolve(wanted, sides, given=bool(rules))
    needy = [target.rule.text for target in targets if target.rule.policy != "absolute"]
    if needy and baseline is None:
        raise UsageError(f"{needy[0]!r} needs --baseline RUN|FILE (mmbench baseline save RUN FILE makes a file)")
    evidence = _Evidence(run, baseline, targets)
    verdicts = _judge(targets, evidence, runs, baselines)
    notes = _notes(verdicts, runs, baselines, given=bool(rules))
    return GateResult(_named(run), _named(baseline) if baseline else None, verdicts, notes, run.model.name)


def check_sides(runs: Sequence[Run], baselines: Sequence[Run]) -> None:
    """Raise `UsageError` for runs of several models on one side, and for a run that is given twice."""
    _check_repeats(runs, "RUN")
    _check_repeats(baselines, "--baseline")
    held = {side.path.resolve() for side in baselines}
    for side in runs:
        if side.path.resolve() in held:
            raise UsageError(f"--baseline: {side.path} is the run itself; hold it against another run, or a saved file")


def _check_repeats(sides: Sequence[Run], what: str) -> None:
    def model(side: Run) -> tuple[object, ...]:
        return side.model.name, side.model.digest, sorted(side.model.options.items(), key=str)

    for side in sides[1:]:
        if model(side) != model(sides[0]):
            raise UsageError(
                f"{what}: {side.path} and {sides[0].path} are runs of different models; only repeats of one model go together"
            )
    if len({side.path.resolve() for side in sides}) < len(sides):
        raise UsageError(f"{what}: the same run is given twice; a repeat is a run of its own")


def _named(side: Run) -> str:
    return f"{side.label} ({side.path})"


def _notes(verdicts: Sequence[Verdict], runs: Sequence[Run], baselines: Sequence[Run], *, given: bool) -> list[str]:
    notes = []
    if not given:
        notes.append(
            "no rule is given, so every primary metric is held against the baseline: no significant drop (regression, tolerance "
            f"0pt, alpha {ALPHA:g})"
        )
    family = sum(
        each.rule.policy == "regression" and each.unit == "pt" and each.p_value is not None for each in verdicts
    )
    if family > 1:
        notes.append(f"p-values of a drop are one-sided and adjusted by Holm over {family} rules")
    if len(runs) > 1 or len(baselines) > 1:
        notes.append(
            f"metrics are those of {runs[0].path}"
            + (f" and {baselines[0].path}" if baselines else "")
            + f"; {len(runs)} and {len(baselines)} repeats serve rules about speed"
        )
    return notes


@dataclass
class _Evidence:
    """What is known of the metrics that rules are about: compared once, task by task."""

    run: Run
    baseline: Run | None
    targets: Sequence[Target]
    found: dict[tuple[str, str], MetricDifference] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.baseline is None:
            return
        wanted: dict[str, set[str]] = {}
        for target in self.targets:
            if target.figure is None:
                wanted.setdefault(target.rule.task, set()).add(target.rule.metric)
        for task, metrics in wanted.items():
            try:
                comparison = compare_runs(self.baseline, self.run, [task], {task: metrics}, slices=False)
            except NotComparableError as error:
                self.refused[task] = str(error)
            else:
                self._keep(task, comparison)

    def _keep(self, task: str, comparison: Comparison) -> None:
        if task in comparison.refused:
            self.refused[task] = "; ".join(map(str, comparison.refused[task]))
        self.found |= {(each.task, each.id): each for each in comparison.metrics}

    def of(self, target: Target) -> MetricDifference | None:
        """The difference; None where there is none."""
        return self.found.get((target.rule.task, target.rule.metric))


def _judge(
    targets: Sequence[Target], evidence: _Evidence, runs: Sequence[Run], baselines: Sequence[Run]
) -> list[Verdict]:
    verdicts: dict[int, Verdict] = {}
    tests: list[tuple[int, MetricDifference, Evidence]] = []
    for number, target in enumerate(targets):
        if target.figure is not None:
            verdicts[number] = judge_figure(target, target.figure, runs, baselines)
            continue
        if target.rule.policy == "absolute":
            verdicts[number] = _judge_limit(target, evidence)
            continue
        absent = _absent(target, evidence)
        difference = evidence.of(target)
        if absent is not None or difference is None:
            word, outcome, why = absent or ("not comparable", "undecided", "the two runs have no values in common")
            verdicts[number] = _verdict(target, Decision(word, outcome, why), difference)
            continue
        turned_one = _turned(difference)
        if target.rule.policy == "regression":
            tests.append((number, difference, turned_one))
        else:
            verdicts[number] = _judge_one(target, evidence, difference, turned_one)
    decisions = decide_regressions(
        [(found, targets[number].threshold, targets[number].rule.alpha) for number, _, found in tests]
    )
    for (number, difference, _), decision in zip(tests, decisions, strict=True):
        verdicts[number] = _verdict(targets[number], decision, difference)
    return [verdicts[number] for number in range(len(targets))]


def _turned(difference: MetricDifference) -> Evidence:
    return turned(difference.difference, higher_is_better=difference.higher_is_better, changed=difference.changed)


def _judge_one(target: Target, evidence: _Evidence, difference: MetricDifference, found: Evidence) -> Verdict:
    if target.rule.policy == "non-inferiority":
        decision = decide_margin(found, target.threshold, target.rule.alpha)
        return _verdict(target, decision, difference)
    changed = _changed_rows(target, evidence)
    if changed == 0:
        return _verdict(target, Decision("same", "passed", "no sample changed"), difference)
    if changed is None:
        return _verdict(target, Decision("inconclusive", "undecided", "its scores cannot be read"), difference)
    word = relation(found, target.rule.alpha)
    why = f"{changed:,} of {difference.a.n:,} samples changed"
    return _verdict(target, Decision("within noise" if word == "same" else word, "violated", why), difference)


def _changed_rows(target: Target, evidence: _Evidence) -> int | None:
    """Units whose row or status is not the same on both sides, of all that the metric reads; None where unknown."""
    if evidence.baseline is None:
        return None
    a, b = evidence.baseline.tasks[target.rule.task], evidence.run.tasks[target.rule.task]
    metric, _ = metric_for(a, target.rule.metric)
    joined = None if metric is None else join_tables(a, b).get(metric.unit)
    if metric is None or joined is None:
        return None
    rows_a, rows_b = read_pair(metric, joined)
    differs = (rows_a[joined.rows_a] != rows_b[joined.rows_b]).any(axis=1)
    status_a, status_b = list(joined.a.status), list(joined.b.status)
    pairs = zip(joined.rows_a.tolist(), joined.rows_b.tolist(), differs.tolist(), strict=True)
    return sum(bool(row or status_a[left] != status_b[right]) for left, right, row in pairs)


def _absent(target: Target, evidence: _Evidence) -> tuple[Word, Outcome, str] | None:
    """Why a rule that compares cannot be judged on all samples; None where it can."""
    task, metric, baseline = target.rule.task, target.rule.metric, evidence.baseline
    lack = _lack(evidence.run, task, metric)
    if lack is not None:
        return "missing", "undecided", f"the run {lack}"
    if baseline is not None and (lack := _lack(baseline, task, metric)) is not None:
        if target.given:
            return "new", "undecided", f"the baseline {lack}: save another (mmbench baseline save RUN FILE)"
        return "new", "passed", f"the baseline {lack}"
    if task in evidence.refused:
        return "not comparable", "undecided", evidence.refused[task]
    difference = evidence.of(target)
    if difference is None:
        return None
    if difference.only_a:
        failed = evidence.run.tasks[task].metrics[metric].n_failed
        word: Word = "newly failing" if failed else "missing"
        how = "failed" if failed else "are missing"
        return word, "undecided", f"{difference.only_a:,} samples of the baseline {how} in the run"
    if difference.neither:
        return "missing", "undecided", f"{difference.neither:,} samples failed in both"
    if difference.difference.value is None and difference.difference.n == 0 and not difference.a.n:
        return "missing", "undecided", difference.difference.reason or "no sample was scored in both"
    return None


def _lack(side: Run, task: str, metric: str) -> str | None:
    """What a side lacks of a metric, after "the run …"."""
    found: TaskResult | None = side.tasks.get(task)
    if found is None:
        return f"has no {task}"
    if found.status == "incompatible":
        return f"cannot answer {task} ({found.reason or 'n/a'})"
    if not found.metrics:
        return f"has no scores of {task} ({found.status})"
    value = found.metrics.get(metric)
    if value is None:
        return f"has no {metric} of {task}"
    return None if value.value is not None else f"has no value of {metric}: {value.reason or 'undefined'}"


def _judge_limit(target: Target, evidence: _Evidence) -> Verdict:
    """Judge an ``absolute`` rule by the run's own value over all its samples."""
    task, metric = target.rule.task, target.rule.metric
    lack = _lack(evidence.run, task, metric)
    if lack is not None:
        return Verdict(target.rule, "missing", "undecided", f"the run {lack}")
    value = evidence.run.tasks[task].metrics[metric]
    before = None
    if evidence.baseline is not None and _lack(evidence.baseline, task, metric) is None:
        before = evidence.baseline.tasks[task].metrics[metric].value
    difference = evidence.of(target)
    if difference is None and (fewer := _fewer_samples(evidence, task)) is not None:
        end: tuple[Word, Outcome] = "not comparable", "undecided"
        return Verdict(target.rule, *end, fewer, before, value.value, n=value.n, scale=value.scale)
    if value.value is None or value.n_failed:
        word: Word = "newly failing" if difference is not None and difference.only_a else "missing"
        why = f"{value.n_failed:,} of {value.n + value.n_failed:,} samples failed"
        return Verdict(target.rule, word, "undecided", why, before, value.value, n=value.n, scale=value.scale)
    beside: Word = "not comparable" if difference is None else relation(_turned(difference), ALPHA)
    found = decide_limit(value.value, target.threshold, before, beside, higher_is_better=target.higher_is_better)
    why = found.why.replace("{tolerance}", target.rule.amount.text if target.rule.amount else "")
    return Verdict(target.rule, found.word, found.outcome, why, before, value.value, n=value.n, scale=value.scale)


def _fewer_samples(evidence: _Evidence, task: str) -> str | None:
    """What a run that was asked a part of the baseline's samples lacks; None for one that was not.

    Of other data the numbers of samples say nothing of each other.
    """
    before = None if evidence.baseline is None else evidence.baseline.tasks.get(task)
    if before is None:
        return None
    facts, known = evidence.run.tasks[task].comparability_key, before.comparability_key
    if any(facts.get(name) != known.get(name) for name in ("data fingerprint", "split", "task version")):
        return None
    here, there = facts["number of samples"], known["number of samples"]
    if here < there:
        return f"the run has {here:,} of the baseline's {there:,} samples"
    other = here == there and facts.get("selected samples") != known.get("selected samples")
    return "the run has other samples than the baseline" if other else None


def _verdict(target: Target, decision: Decision, difference: MetricDifference | None) -> Verdict:
    word, why = decision.word, decision.why
    amounts: Mapping[str, float | None] = {"tolerance": target.threshold, "smallest": decision.smallest}
    if difference is not None and difference.difference.value is not None:
        amounts = {**amounts, "drop": abs(difference.difference.value)}
    if not target.higher_is_better:
        why = why.replace(" drop ", " rise ")
    for name, amount in amounts.items():
        why = why.replace(f"{{{name}}}", points(amount, target.scale))
    if difference is None:
        return Verdict(target.rule, word, decision.outcome, why, scale=target.scale)
    if difference.only_b and decision.outcome == "passed":
        word = "fixed" if word in ("same", "within noise") else word
        why = f"{why}; {difference.only_b:,} samples that failed in the baseline do not any more"
    found = difference.difference
    return Verdict(
        rule=target.rule,
        word=word,
        outcome=decision.outcome,
        reason=why,
        baseline=difference.a.value,
        value=difference.b.value,
        difference=found.value,
        low=found.low,
        high=found.high,
        p_value=decision.p_value,
        smallest=decision.smallest,
        n=found.n,
        gained=difference.gained,
        lost=difference.lost,
        scale=difference.scale,
    )


def points(value: float | None, scale: float) -> str:
    """An amount of a metric as tables show it: in points of what is shown as per cent, else a plain number.

    >>> points(0.0123, 100.0), points(150.0, 1.0)
    ('1.23pt', '150.00')
    """
    return "unknown" if value is None else f"{scale * value:.2f}{'pt' if scale == 100.0 else ''}"
