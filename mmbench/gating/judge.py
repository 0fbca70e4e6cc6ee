"""Judge runs by rules: the gate itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmbench.analysis.joins import join_tables
from mmbench.analysis.stored_metrics import metric_for
from mmbench.comparison.differences import MetricDifference, compare_runs, read_pair
from mmbench.comparison.over_seeds import compare_seeds, pools
from mmbench.core.errors import NotComparableError, UsageError
from mmbench.gating.decide import Test, as_drop, decide_limit, decide_margin, decide_regressions, interval, relation
from mmbench.gating.extremes import against_bounds, limit_against_bounds
from mmbench.gating.ledger import check_sequential, count_push
from mmbench.gating.preconditions import RuleCheck, resolve_all
from mmbench.gating.rules import ALPHA, MISSED, Rule, check_together
from mmbench.gating.speed import judge_speed
from mmbench.gating.verdicts import GateResult, ReasonCode, Tails, Verdict, Word
from mmbench.results.run import Run
from mmbench.stats import Difference


def gate(
    runs: Sequence[Run],
    baselines: Sequence[Run],
    rules: Sequence[Rule] = (),
    allow: Iterable[str] = (),
    *,
    only: bool = False,
    ledger: Path | None = None,
) -> GateResult:
    """Judge a run by rules.

    Args:
        runs: The run and repeats of it, which serve rules about speed. Metrics are compared over all of them where both sides have
            several and no two of a side have one seed, else on the first; limits and ``exact`` are about the first.
        baselines: The baseline and repeats of it; empty where every rule is absolute.
        rules: What to check, beside the default rule of every primary metric that none of them is about.
        allow: What may differ between run and baseline, names of `mmbench.analysis.variants.ALLOWANCES`.
        only: Whether `rules` are all that is checked.
        ledger: Where pushes against this baseline are counted, so that this one spends its share of alpha; None: nowhere.

    Raises:
        UsageError: For rules that cannot be meant, for runs of several models on one side, and where a baseline is needed and
            there is none.
        NotComparableError: Where there is nothing to judge, and for files that are damaged.
        RunFailedError: Where the ledger cannot be written.
    """
    check_sides(runs, baselines)
    check_together(rules)
    sides = [runs[0], *baselines[:1]]
    if not rules and not baselines:
        raise UsageError(
            "nothing to judge: give --baseline RUN|FILE, or rules (--require, or [[gate.rule]] in mmbench.toml)"
        )
    if only and not rules:
        raise UsageError("--only leaves out all but the rules that you give, and there is none: add --require RULE")
    checks = resolve_all(rules, sides, only=only)
    if not checks:
        raise NotComparableError(
            f"neither {runs[0].path} nor its baseline has a scored task, so there is nothing to judge"
        )
    needy = [check.rule.text for check in checks if check.rule.policy != "absolute"]
    if needy and not baselines:
        raise UsageError(f"{needy[0]!r} needs --baseline RUN|FILE (mmbench baseline save RUN FILE makes a file)")
    push = None
    if ledger is not None:
        check_sequential(baselines)
        push = count_push(ledger, runs, baselines, checks)
        checks = [replace(check, share=push.share) for check in checks]
    run, *baseline = [f"{side.label} ({side.path})" for side in sides]
    seeds = (runs[0].seed, baselines[0].seed) if baselines else (0, 0)
    return GateResult(
        run=run,
        baseline=baseline[0] if baseline else None,
        verdicts=_judge(checks, runs, baselines, allow),
        model=runs[0].model.name,
        repeats=(len(runs), len(baselines)),
        seeds=seeds if len(set(seeds)) > 1 and not pools(baselines, runs) else None,
        over_seeds=pools(baselines, runs),
        push=push,
    )


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


def _judge(
    checks: Sequence[RuleCheck], runs: Sequence[Run], baselines: Sequence[Run], allow: Iterable[str]
) -> list[Verdict]:
    pair = _Pair(runs, baselines, frozenset(allow), {}, {})
    pair.compare(checks)
    verdicts: dict[int, Verdict] = {}
    tests: dict[int, Test] = {}
    for number, check in enumerate(checks):
        difference = pair.differences.get((check.rule.task, check.rule.metric))
        if check.perf is not None:
            verdicts[number] = judge_speed(check, check.perf, runs, baselines)
        elif check.rule.policy == "absolute":
            verdicts[number] = _judge_limit(check, pair, difference)
        elif (absent := _absent(check, pair, difference)) is not None or difference is None:
            nothing = Verdict(check, "not comparable", "undecided", "nothing_in_common")
            verdicts[number] = _with_values(absent or nothing, difference)
        elif check.rule.policy == "regression":
            tests[number] = (check, _drop(difference), difference.changed)
        elif check.rule.policy == "non-inferiority":
            (verdict,) = against_bounds(
                [decide_margin(check, _drop(difference), difference.changed)], [check], [difference]
            )
            verdicts[number] = _with_values(verdict, difference)
        else:
            verdicts[number] = _with_values(_judge_exact(check, pair, difference), difference)
    tested = [checks[number] for number in tests]
    differences = [pair.differences[check.rule.task, check.rule.metric] for check in tested]
    judged = against_bounds(decide_regressions(list(tests.values())), tested, differences)
    for number, verdict, difference in zip(tests, judged, differences, strict=True):
        verdicts[number] = _with_values(verdict, difference)
    return [verdicts[number] for number in range(len(checks))]


@dataclass(frozen=True, slots=True)
class _Pair:
    """The run and its baseline, compared once on every metric that a rule is about."""

    runs: Sequence[Run]
    baselines: Sequence[Run]
    allow: frozenset[str]
    differences: dict[tuple[str, str], MetricDifference]
    refused: dict[str, list[str]]

    @property
    def run(self) -> Run:
        """The first run."""
        return self.runs[0]

    @property
    def baseline(self) -> Run | None:
        """The first baseline."""
        return self.baselines[0] if self.baselines else None

    def compare(self, checks: Sequence[RuleCheck]) -> None:
        """Compare the two, task by task."""
        if self.baseline is None:
            return
        wanted: dict[str, set[str]] = {}
        for check in checks:
            if check.perf is None:
                wanted.setdefault(check.rule.task, set()).add(check.rule.metric)
        for task, metrics in wanted.items():
            try:
                if pools(self.baselines, self.runs):
                    sides = self.baselines, self.runs
                    found = compare_seeds(*sides, [task], {task: metrics}, slices=False, allow=self.allow)
                else:
                    found = compare_runs(
                        self.baseline, self.run, [task], {task: metrics}, slices=False, allow=self.allow
                    )
            except NotComparableError as error:
                self.refused[task] = [str(error)]
            else:
                self.refused.update({name: [*map(str, differs)] for name, differs in found.refused.items()})
                self.differences.update({(each.task, each.id): each for each in found.metrics})


def _drop(difference: MetricDifference) -> Difference:
    return as_drop(difference.difference, higher_is_better=difference.higher_is_better)


def _judge_exact(check: RuleCheck, pair: _Pair, difference: MetricDifference) -> Verdict:
    changed, tails = _changed_rows(check, pair), Tails(check.alpha, check.alpha)
    if changed is None:
        return Verdict(check, "inconclusive", "undecided", "scores_unreadable", tails=tails)
    if changed == 0:
        return Verdict(check, "same", "passed", "unchanged", tails=tails)
    word = relation(_drop(difference), difference.changed, tails)
    details = {"changed": changed, "of": difference.a.n}
    shown: Word = "within noise" if word == "same" else word
    return Verdict(check, shown, "violated", "samples_changed", details, tails=tails)


def _changed_rows(check: RuleCheck, pair: _Pair) -> int | None:
    """Units whose row or status is not the same on both sides, of all that the metric reads; None where unknown."""
    if pair.baseline is None:
        return None
    a, b = pair.baseline.tasks[check.rule.task], pair.run.tasks[check.rule.task]
    metric, _ = metric_for(a, check.rule.metric)
    joined = None if metric is None else join_tables(a, b).get(metric.unit)
    if metric is None or joined is None:
        return None
    rows_a, rows_b = read_pair(metric, joined)
    differs = (rows_a[joined.rows_a] != rows_b[joined.rows_b]).any(axis=1)
    status_a, status_b = list(joined.a.status), list(joined.b.status)
    pairs = zip(joined.rows_a.tolist(), joined.rows_b.tolist(), differs.tolist(), strict=True)
    return sum(bool(row or status_a[left] != status_b[right]) for left, right, row in pairs)


def _absent(check: RuleCheck, pair: _Pair, difference: MetricDifference | None) -> Verdict | None:
    """The verdict on a rule that compares and cannot be judged on all samples; None where it can."""
    task, metric = check.rule.task, check.rule.metric
    if (lack := _lack(check, pair.run, "run")) is not None:
        return lack
    if pair.baseline is not None and (lack := _lack(check, pair.baseline, "baseline")) is not None:
        return replace(lack, word="new", outcome="undecided" if check.given else "passed")
    if task in pair.refused:
        return Verdict(check, "not comparable", "undecided", "runs_differ", {"differences": pair.refused[task]})
    if difference is None:
        return None
    if difference.only_a:
        samples = {"samples": difference.only_a}
        if pair.run.tasks[task].metrics[metric].n_failed:
            return Verdict(check, "newly failing", "undecided", "samples_newly_failed", samples)
        return Verdict(check, "missing", "undecided", "samples_missing", samples)
    if difference.neither:
        return Verdict(check, "missing", "undecided", "samples_failed_in_both", {"samples": difference.neither})
    if difference.difference.value is None and difference.difference.n == 0 and not difference.a.n:
        why = difference.difference.reason or "no sample was scored in both"
        return Verdict(check, "missing", "undecided", "untestable", {"why": why})
    return None


def _lack(check: RuleCheck, side: Run, name: str) -> Verdict | None:
    """The verdict on a rule where a side has no value of its metric; None where it has one."""

    def lack(reason: ReasonCode, **details: Any) -> Verdict:
        return Verdict(check, "missing", "undecided", reason, {"side": name, **details})

    task = side.tasks.get(check.rule.task)
    if task is None:
        return lack("no_task")
    if task.status == "incompatible":
        return lack("cannot_answer", why=task.reason or "n/a")
    if not task.metrics:
        return lack("not_scored", status=task.status)
    value = task.metrics.get(check.rule.metric)
    if value is None:
        return lack("no_metric")
    return None if value.value is not None else lack("no_value", why=value.reason or "undefined")


def _judge_limit(check: RuleCheck, pair: _Pair, difference: MetricDifference | None) -> Verdict:
    """Judge an ``absolute`` rule by the run's own value over all its samples."""
    task, metric = check.rule.task, check.rule.metric
    if (lack := _lack(check, pair.run, "run")) is not None:
        return lack
    value, before = pair.run.tasks[task].metrics[metric], None
    if pair.baseline is not None and _lack(check, pair.baseline, "baseline") is None:
        before = pair.baseline.tasks[task].metrics[metric].value
    fewer = _fewer_samples(check, pair) if difference is None else None
    if fewer is not None:
        verdict = fewer
    elif value.value is None or value.n_failed:
        word: Word = "newly failing" if difference is not None and difference.only_a else "missing"
        details = {"samples": value.n_failed, "of": value.n + value.n_failed}
        verdict = Verdict(check, word, "undecided", "samples_failed", details)
    else:
        tails = Tails(ALPHA, ALPHA)
        beside = "not comparable" if difference is None else relation(_drop(difference), difference.changed, tails)
        verdict = decide_limit(check, value.value, before, beside)
    verdict = replace(
        verdict,
        baseline=before,
        value=value.value,
        low=value.low,
        high=value.high,
        tails=Tails(MISSED, MISSED),
        n=value.n,
        coverage=value.coverage,
    )
    return limit_against_bounds(verdict, value)


def _fewer_samples(check: RuleCheck, pair: _Pair) -> Verdict | None:
    """The verdict on a run that was asked a part of the baseline's samples; None for one that was not.

    Of other data the numbers of samples say nothing of each other.
    """
    before = None if pair.baseline is None else pair.baseline.tasks.get(check.rule.task)
    if before is None:
        return None
    facts, known = pair.run.tasks[check.rule.task].stated_key, before.stated_key
    if any(facts.get(name) != known.get(name) for name in ("data fingerprint", "split", "task version")):
        return None
    here, there = facts["number of samples"], known["number of samples"]
    if here < there:
        samples = {"samples": here, "of": there}
        return Verdict(check, "not comparable", "undecided", "fewer_samples", samples)
    other = here == there and facts.get("selected samples") != known.get("selected samples")
    return Verdict(check, "not comparable", "undecided", "other_samples") if other else None


def _with_values(verdict: Verdict, difference: MetricDifference | None) -> Verdict:
    """The verdict with both values and what lies between them."""
    if difference is None:
        return verdict
    if difference.only_b and verdict.outcome == "passed":
        word: Word = "fixed" if verdict.word in ("same", "within noise") else verdict.word
        verdict = replace(verdict, word=word, details={**verdict.details, "fixed": difference.only_b})
    found, bounds = difference.difference, difference.bounds
    if verdict.tails is None:  # nothing was tested
        verdict = replace(verdict, tails=Tails(MISSED, MISSED))
    ends = interval(verdict, _drop(difference))
    if difference.higher_is_better:  # a drop is a difference the other way round
        low, high = (None if end is None else 0.0 - end for end in ends[::-1])
    else:
        low, high = ends
    return replace(
        verdict,
        baseline=difference.a.value,
        value=difference.b.value,
        difference=found.value,
        low=low,
        high=high,
        n=found.n,
        coverage=difference.coverage,
        bound_low=None if bounds is None else bounds.low.value,
        bound_high=None if bounds is None else bounds.high.value,
        seed_share=difference.seed_share,
        gained=difference.gained,
        lost=difference.lost,
    )
