"""How a task scores: validity of its tables, purity, order, shards, and what becomes of errors."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mmbench.core.ids import derive_seed
from mmbench.core.metric import Metric
from mmbench.core.requests import Choose, Generate, as_choose
from mmbench.core.responses import Response
from mmbench.core.score_table import COUNTED, MetricValue, ScoreTable
from mmbench.core.task import PerSampleTask
from mmbench.metrics.merging import merge_tables
from mmbench.testing.digests import digest, sample_digest
from mmbench.testing.rules import BrokenError, KitRule, SkippedError, listed
from mmbench.testing.score_tables import TOLERANCE, column_of, difference, identical, problems, value_difference
from mmbench.testing.subject import GIBBERISH, Answers, TaskSubject, needs

_GROUPS = 8


def _solutions(subject: TaskSubject) -> str:
    count = sum(len(answers) for answers in subject.solved)
    return f"It answers {count:,} of its own requests."


def _tables(subject: TaskSubject) -> str:
    both = [subject.tables(answers) for answers in (subject.solved, subject.mixed)]
    for tables in both:
        for name, table in tables.items():
            if problem := problems(name, table):
                raise BrokenError(problem)
        if missing := [metric for metric in subject.metrics if metric.unit not in tables]:
            raise BrokenError(f"Metric {missing[0].id} reads a table {missing[0].unit!r}, which score does not return.")
        subject.values(tables)
    return ", ".join(f"{len(table.unit_ids):,} rows of {name!r}" for name, table in both[0].items()) + "."


def _pure(subject: TaskSubject) -> str:
    samples = list(subject.chosen)
    answers = subject.mixed
    before = sample_digest(samples), digest([sample.meta for sample in samples]), digest(answers)
    first = dict(subject.task.score(samples, answers))
    if (sample_digest(samples), digest([sample.meta for sample in samples]), digest(answers)) != before:
        raise BrokenError("score changes the samples or the responses that it is given.")
    told = digest(first)
    second = dict(subject.task.score(samples, answers))
    if digest(first) != told:
        raise BrokenError("A second call of score changes the tables of the first.")
    if problem := difference(first, second):
        raise BrokenError(f"Two equal calls of score differ: {problem}")
    return "Equal calls give equal tables, and the inputs are left alone."


def _order(subject: TaskSubject) -> str:
    answers = subject.mixed
    places = list(range(len(subject.chosen)))
    needs(len(places) > 1, "There is one sample.")
    random.Random(derive_seed("conformance", subject.seed)).shuffle(places)
    tables, shuffled = subject.tables(answers), subject.tables(answers, places)
    if problem := difference(tables, shuffled):
        raise BrokenError(f"Scored in another order: {problem}")
    values, other = subject.values(tables), subject.values(shuffled)
    if problem := value_difference(values, other):
        raise BrokenError(f"Scored in another order, {problem}.")
    return f"The order of the samples changes nothing{_exactly(values, other)}."


def _exactly(one: Mapping[str, MetricValue], other: Mapping[str, MetricValue]) -> str:
    return ", to the last bit" if identical(one, other) else f" beyond {TOLERANCE:g}"


def _shards(subject: TaskSubject) -> str:
    clusters = subject.clusters
    needs(len(clusters) > 1, "There is one cluster.")
    answers = subject.mixed
    first = set(clusters[::2])
    halves = [
        [n for n, sample in enumerate(subject.chosen) if (sample.cluster in first) is side] for side in (True, False)
    ]
    whole = subject.tables(answers)
    parts = [subject.tables(answers, half) for half in halves]
    merged: dict[str, ScoreTable] = {}
    try:
        merged = {name: merge_tables([part[name] for part in parts]) for name in whole}
        problem = difference(whole, merged)
    except (KeyError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}."
    if problem and not isinstance(subject.task, PerSampleTask):
        raise SkippedError(
            "It scores the set as a whole (it is no PerSampleTask), so halves are not expected to add up."
        )
    if problem:
        raise BrokenError(f"Two halves scored apart: {problem}")
    values, other = subject.values(whole), subject.values(merged)
    if problem := value_difference(values, other):
        raise BrokenError(f"Over two halves, merged, {problem}.")
    return f"Two halves, merged, equal the whole{_exactly(values, other)}."


def _bound(metric: Metric) -> float | None:
    return metric.bounds[1] if metric.higher_is_better else None


def _stated(subject: TaskSubject) -> Mapping[str, float]:
    """Metric id to what the task says that its own answers get, where that is less than the metric's bound.

    A task may have a method ``ceiling(samples)`` that returns this: people disagree about an answer, say. Raises
    `BrokenError` where it names no metric of the task, or nothing below the bound.
    """
    ceiling = getattr(subject.task, "ceiling", None)
    if ceiling is None:
        return {}
    stated = dict(ceiling(list(subject.chosen)))
    bounds = {str(metric.id): _bound(metric) for metric in subject.metrics}
    for name, value in stated.items():
        if name not in bounds:
            raise BrokenError(f"ceiling names {name!r}; the metrics are {listed(bounds)}.")
        bound = bounds[name]
        if not math.isfinite(value) or (bound is not None and value > bound + TOLERANCE):
            raise BrokenError(f"ceiling says {name} = {value}; expected a number{_up_to(bound)}.")
    return stated


def _up_to(bound: float | None) -> str:
    return "" if bound is None else f" up to {bound:g}"


def _reaches(value: float | None, best: float) -> bool:
    return value is not None and abs(value - best) <= TOLERANCE * max(1.0, abs(best))


def _oracle(subject: TaskSubject) -> str:
    said = []
    stated = _stated(subject)
    for metric in subject.primary:
        best = stated.get(str(metric.id), _bound(metric))
        if best is None:
            continue
        value = subject.best[str(metric.id)].value
        if not _reaches(value, best):
            culprit = "" if str(metric.id) in stated else _culprit(subject, metric, best)
            raise BrokenError(f"Its own answers get {metric.id} = {value}; the best is {best:g}{culprit}.")
        said.append(f"{metric.id} {best:g}")
    needs(said, "No primary metric of which higher is better has a best value.")
    for what, answers in _rivals(subject) if stated else ():
        values = subject.values(subject.tables(answers))
        for name, best in stated.items():
            value = values[name].value if name in values else None
            if value is not None and value > best + TOLERANCE * max(1.0, abs(best)):
                raise BrokenError(f"{what} get {name} = {value}, more than the {best:g} that ceiling says.")
    return f"Its own answers get {', '.join(said)}."


def _rivals(subject: TaskSubject) -> Iterator[tuple[str, Answers]]:
    """Answers that must not be worth more than the task's own: texts that belong to other samples."""
    solved = subject.solved
    texts = [[r.output for r in answers if isinstance(r.output, str)] for answers in solved]
    given = Counter(text for each in texts for text in each)
    if not given:
        return
    commonest = given.most_common(1)[0][0]
    yield f"{commonest!r} as every answer", _written(solved, [[commonest]] * len(solved))
    yield "The answers of other samples", _written(solved, [*texts[1:], texts[0]])


def _written(solved: Answers, texts: Sequence[Sequence[str]]) -> Answers:
    """The answers with each text replaced by the first of another list, where that has one."""
    return [
        [Response("ok", given[0]) if given and isinstance(right.output, str) else right for right in answers]
        for answers, given in zip(solved, texts, strict=True)
    ]


def _culprit(subject: TaskSubject, metric: Metric, best: float) -> str:
    table = subject.tables(subject.solved)[metric.unit]
    column = column_of(table, metric.columns[0])
    low = [] if column.ndim > 1 else np.flatnonzero(column < best).tolist()
    return f" ({table.unit} {table.unit_ids[low[0]]!r} gets {column[low[0]]:g}, {table.status[low[0]]})" if low else ""


def _rows_of(table: ScoreTable, cluster: str) -> list[int]:
    return [row for row, name in enumerate(table.cluster_ids) if name == cluster]


def _errors(subject: TaskSubject) -> str:
    cluster = subject.clusters[0]
    kept = len(subject.clusters) > 1
    for response in (Response("error", error="the kit made this fail"), Response("timeout", error="too slow")):
        tables = subject.tables(subject.replaced(cluster, response))
        for name, table in tables.items():
            scored = [row for row in _rows_of(table, cluster) if table.status[row] in COUNTED]
            if scored:
                unit, status = table.unit_ids[scored[0]], table.status[scored[0]]
                raise BrokenError(f"A response with status {response.status!r} makes {name} {unit!r} {status!r}.")
            if problem := problems(name, table):
                raise BrokenError(f"With a response of status {response.status!r}: {problem}")
        values = subject.values(tables)
        for metric in subject.primary:
            value = values[str(metric.id)]
            if not value.n_failed or value.coverage >= 1:
                raise BrokenError(f"After a response of status {response.status!r}, {metric.id} counts no failed unit.")
            best = _bound(metric)
            if kept and best is not None and _reaches(subject.best[str(metric.id)].value, best):
                _must_stay(metric, value.value, best, response.status)
    return "Failed units have the status error, are counted, and stay outside the value."


def _must_stay(metric: Metric, value: float | None, best: float, status: str) -> None:
    if not _reaches(value, best):
        raise BrokenError(f"A response of status {status!r} moves {metric.id} of the others from {best:g} to {value}.")


def _one_of_several(subject: TaskSubject) -> str:
    several = [n for n, made in enumerate(subject.requests) if len(made) > 1]
    needs(several, "Each sample makes one request.")
    answers = [list(each) for each in subject.solved]
    answers[several[0]][0] = Response("error", error="the kit made this fail")
    values = subject.values(subject.tables(answers))
    if not any(values[str(metric.id)].n_failed for metric in subject.primary):
        raise BrokenError(
            f"The first of several requests for {subject.chosen[several[0]].id!r} fails, and no unit is counted as failed."
        )
    return "A unit that lacks one of its answers is counted as failed."


def _declined(subject: TaskSubject, response: Response, status: str | None) -> str:
    """Check that a sample whose generate requests all end with `response` scores 0 inside the value.

    `status`: what its rows and counters must say; None where ``scored`` and ``unparsed`` both serve.
    """
    cluster = subject.clusters[0]
    tables = subject.tables(subject.replaced(cluster, response, lambda request: isinstance(request, Generate)))
    shown = repr(response.output) if response.status == "ok" else f"status {response.status!r}"
    for name, table in tables.items():
        if problem := problems(name, table):
            raise BrokenError(f"With {shown}: {problem}")
    values = subject.values(tables)
    for metric in subject.primary:
        table, value = tables[metric.unit], values[str(metric.id)]
        rows = _rows_of(table, cluster)
        for row in rows:
            if table.status[row] not in ((status,) if status else COUNTED):
                said = f"{table.unit} {table.unit_ids[row]!r} {table.status[row]!r}"
                raise BrokenError(
                    f"An answer with {shown} makes {said}; expected {status or 'unparsed, or scored with 0'}."
                )
        if value.n_failed:
            raise BrokenError(f"An answer with {shown} is counted as failed in {metric.id}.")
        if status and not getattr(value, f"n_{status}"):
            raise BrokenError(f"An answer with {shown} is not counted as {status} in {metric.id}.")
        if metric.is_mean and metric.higher_is_better and metric.bounds[0] == 0:
            column = column_of(table, metric.columns[0])
            if above := [row for row in rows if column[row] > 0]:
                said = f"{table.unit} {table.unit_ids[above[0]]!r} {column[above[0]]:g}"
                raise BrokenError(f"An answer with {shown} gets {said} in {metric.id}; expected 0.")
    return shown


def _generates(subject: TaskSubject) -> None:
    needs("generate" in subject.info.request_kinds, "It makes no generate requests.")


def _refused(subject: TaskSubject) -> str:
    _generates(subject)
    _declined(subject, Response("refused"), "refused")
    _declined(subject, Response("refused", "I would rather not say.", "declined"), "refused")
    return "A refusal scores 0 and is counted."


def _unparsable(subject: TaskSubject) -> str:
    _generates(subject)
    strict = "unparsed" if subject.info.closed_answers and subject.info.extractor else None
    shown = [_declined(subject, Response("ok", text), strict) for text in (GIBBERISH, "")]
    return f"{' and '.join(shown)} score 0{' and are counted as unparsed' if strict else ''}."


def _truncated(subject: TaskSubject) -> str:
    _generates(subject)
    _declined(subject, Response("truncated", "", "cut off", finish_reason="length"), "truncated")
    return "An answer that was cut off before it held a text scores 0 and is counted."


def _chooses(subject: TaskSubject) -> str:
    needs("generate" in subject.info.request_kinds and subject.info.closed_answers, "`choose` cannot serve it.")
    answers = [
        [
            subject.solution(sample, as_choose(request)) if isinstance(request, Generate) else right
            for request, right in zip(asked, solved, strict=True)
        ]
        for sample, asked, solved in zip(subject.chosen, subject.requests, subject.solved, strict=True)
    ]
    values = subject.values(subject.tables(answers))
    stated = _stated(subject)
    for metric in subject.primary:
        best = stated.get(str(metric.id), _bound(metric))
        if best is not None and not _reaches(values[str(metric.id)].value, best):
            raise BrokenError(
                f"Right answers as scores of the choices get {metric.id} = {values[str(metric.id)].value}."
            )
    return "Scores of the choices are scored like the texts."


def _ties(subject: TaskSubject) -> str:
    closed = subject.info.closed_answers
    needs(closed or "generate" not in subject.info.request_kinds, "Its answers are open.")
    answers = _all_alike(subject)
    whole = list(range(len(subject.chosen)))
    groups = [[n for n in whole if subject.chosen[n].cluster == cluster] for cluster in subject.clusters[:_GROUPS]]
    compared = 0
    for places in (whole, *groups):
        chance = subject.task.chance([subject.chosen[place] for place in places])
        values = subject.values(subject.tables(answers, places))
        for metric in subject.metrics:
            if metric.is_mean and str(metric.id) in chance:
                value, expected = values[str(metric.id)].value, chance[str(metric.id)]
                compared += 1
                if not _reaches(value, expected):
                    about = "" if places is whole else f" (group {subject.chosen[places[0]].cluster!r})"
                    said = f"{metric.id} = {value}; chance says {expected:.6g}{about}"
                    raise BrokenError(f"A model for which all is alike gets {said}.")
    needs(compared, "No mean has a value of chance.")
    return "A model for which all is alike gets what chance says."


def _all_alike(subject: TaskSubject) -> Answers:
    """Equal scores for every choice, equal vectors for everything."""
    answers: Answers = []
    for asked, solved in zip(subject.requests, subject.solved, strict=True):
        row = []
        for request, right in zip(asked, solved, strict=True):
            length = 1 if right.output is None else len(right.output)
            if isinstance(request, Generate | Choose):
                length = len(request.choices or ())
            row.append(Response("ok", [1.0] * length))
        answers.append(row)
    return answers


SCORES: tuple[KitRule[TaskSubject], ...] = (
    KitRule("solutions", "Let solve return what a model would: text, one number a choice, or a vector.", _solutions),
    KitRule(
        "tables", "Return one mmbench.ScoreTable a unit, with finite scores, 0 where the unit is not counted.", _tables
    ),
    KitRule("pure", "Score on copies, and keep no state between calls.", _pure),
    KitRule("order", "Score by id, never by position; round sums once (mmbench.stats.exact_totals).", _order),
    KitRule("shards", "Score each sample by itself, or give score of your own instead of PerSampleTask.", _shards),
    KitRule(
        "oracle",
        "Let solve return an answer that score counts as right; look at the extractor and the references. Where nothing "
        "can be wholly right, say in ceiling(samples) what solve gets.",
        _oracle,
    ),
    KitRule("errors", "Give a unit whose response is error or timeout the status 'error' and no score.", _errors),
    KitRule("partial errors", "Give a unit the status 'error' where any answer that it needs failed.", _one_of_several),
    KitRule("refusals", "Give a unit whose response is refused the status 'refused' and the score 0.", _refused),
    KitRule("unparsable", "Give a unit without a readable answer the status 'unparsed' and the score 0.", _unparsable),
    KitRule(
        "truncated",
        "Give a unit whose response was truncated the status 'truncated' (mmbench.core.status_of) and what its text is worth.",
        _truncated,
    ),
    KitRule(
        "choices", "Let solve and score take a Choose request in place of a Generate request with choices.", _chooses
    ),
    KitRule("ties", "Score a tie with the mean over the ways to break it, and let chance say the same.", _ties),
)
"""In order: later checks build on earlier ones."""
