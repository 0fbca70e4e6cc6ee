"""`mmbench.explain`: where the difference between two runs comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmbench.analysis.choose import distinct
from mmbench.analysis.sample_rows import answers_by_sample
from mmbench.analysis.stored_metrics import metric_for
from mmbench.api.references import reference_of
from mmbench.comparison.attribution import attribute
from mmbench.comparison.causes import Rescored, Rescorer, Side
from mmbench.comparison.gap import Explanation, TaskExplanation
from mmbench.comparison.matching import match
from mmbench.comparison.settings import facts
from mmbench.core.errors import (
    ForeignSourceError,
    MmbenchError,
    NotComparableError,
    OptionError,
    UnknownNameError,
    UsageError,
)
from mmbench.core.ids import names_of, split_variant, tasks_named, without_parameters
from mmbench.core.metric import Metric
from mmbench.core.requests import Generate
from mmbench.core.responses import Response
from mmbench.core.samples import Sample
from mmbench.core.score_table import ScoreTable
from mmbench.core.spec import RUNS
from mmbench.core.task import Task
from mmbench.metrics.evaluate import IS_COUNTED, read_rows, status_codes
from mmbench.resolve.allowances import FOREIGN_SOURCE, allowances
from mmbench.resolve.current import STALE, load_current
from mmbench.resolve.samples import samples_of
from mmbench.resolve.task_names import resolve_source
from mmbench.results.run import Run, TaskResult
from mmbench.results.schema import AskedLine

__all__ = ["Explanation", "explain"]


def explain(  # the options of the command
    a: Any,
    b: Any,
    *,
    tasks: str | Iterable[str] = (),
    metric: str | None = None,
    examples: int = 0,
    allow: str | Iterable[str] = (),
    out: str | Path = RUNS,
) -> Explanation:
    """Attribute the gap between two runs to its causes, sample by sample.

    The gap is the second run's value minus the first's. Each cause has the points that it is worth, and the points sum to the gap: samples
    that only one run was asked, failures and refusals, changed references, extraction, the metric's convention, changed questions,
    truncation, and the answers themselves. Where a task can be built, the first run's answers are scored by the second's extractor and
    metric, which tells scoring from answers. What cannot be scored again (prompt, images, decoding, model) is listed as facts.

    Args:
        a: The first run, such as one of a paper that was imported with `mmbench.import_run`.
        b: The second run, such as your own.
        tasks: Full names or families, or ``TASK_OF_A=TASK_OF_B``; empty for all tasks that both have, or the only one of each.
        metric: Id of a metric that both have; None: the first primary one of each.
        examples: How many samples each cause names at most.
        allow: ``foreign-source`` to import a Python file or module that a run names as the source of a task; ``stale``: a run may be
            named by a model whose file has changed since.
        out: The folder of all runs.

    Returns:
        `Explanation.tasks` has, for every pair of tasks, the parts with points and intervals, and the facts.

    Raises:
        UsageError: For a run, task or metric that is not there.
        NotComparableError: For files that are damaged, or of a newer schema.

    Example:
        >>> import mmbench
        >>> found = mmbench.explain("lm-eval/MyModel", "mymodel")  # doctest: +SKIP
        >>> {part.cause: part.points for part in found.tasks[0].attribution.parts}  # doctest: +SKIP
        {'samples': 0.0, 'failures': 0.0, 'extraction': 0.021, 'answers': -0.004}
    """
    if examples < 0:
        raise OptionError("examples", examples, "0 or more")
    allowed = allowances(names_of(allow), (FOREIGN_SOURCE, STALE))
    runs, stale = load_current([reference_of(a), reference_of(b)], Path(out), allowed)
    wanted = names_of(tasks)
    first, second = _distinct(runs, wanted)
    pairs = _pairs(first, second, wanted)
    found: list[TaskExplanation] = []
    refused: dict[str, str] = {}
    for name_a, name_b in pairs:
        results = first.tasks[name_a], second.tasks[name_b]
        try:
            found.append(
                _explained((first, second), results, metric, examples, foreign=FOREIGN_SOURCE in allowed, notes=stale)
            )
        except NotComparableError as error:
            refused[name_a if name_a == name_b else f"{name_a}={name_b}"] = str(error)
    return Explanation(first, second, found, refused)


def _distinct(runs: Sequence[Run], wanted: Sequence[str]) -> tuple[Run, Run]:
    """Two runs with labels that tell them apart; one run twice, where two tasks of it are named, with the tasks' names as labels."""
    one, other = runs
    pair = _pair(wanted[0], one, other) if len(wanted) == 1 else None
    if one.path.resolve() == other.path.resolve() and pair is not None and pair[0] != pair[1]:
        return replace(one, label=pair[0]), replace(other, label=pair[1])
    first, second = distinct(runs)
    return first, second


def _pairs(a: Run, b: Run, wanted: Sequence[str]) -> list[tuple[str, str]]:
    """The tasks to explain, each by its names in both runs. Raises `UsageError`, `NotComparableError`."""
    chosen: list[tuple[str, str]] = []
    names = [each for each in a.tasks if each in b.tasks]
    for text in wanted:
        fitting = tasks_named(text, names)
        if pair := None if fitting else _pair(text, a, b):
            chosen.append(pair)
            continue
        if not fitting:
            raise UnknownNameError("task of both runs", text, names, hint=f"Both have: {', '.join(names) or 'none'}.")
        chosen += [(each, each) for each in fitting]
    if wanted:
        return list(dict.fromkeys(chosen))
    if names:
        return [(each, each) for each in names]
    bare = [{split_variant(name)[0]: name for name in run.tasks} for run in (a, b)]
    variants = [(bare[0][name], bare[1][name]) for name in bare[0] if name in bare[1]]
    if variants:
        return variants
    if len(a.tasks) == len(b.tasks) == 1:
        return [(next(iter(a.tasks)), next(iter(b.tasks)))]
    raise NotComparableError(
        f"{a.label} and {b.label} have no task of one name ({', '.join(a.tasks)}; {', '.join(b.tasks)}): say which are the same with "
        "--tasks TASK_OF_A=TASK_OF_B"
    )


def _pair(text: str, a: Run, b: Run) -> tuple[str, str] | None:
    """The two names in ``TASK_OF_A=TASK_OF_B``, where settings of a task may hold the sign as well; None where the runs have no such tasks."""
    places = [place for place, sign in enumerate(text) if sign == "="]
    found = [(text[:place], text[place + 1 :]) for place in places]
    return next(((left, right) for left, right in found if left in a.tasks and right in b.tasks), None)


def _explained(
    runs: tuple[Run, Run],
    results: tuple[TaskResult, TaskResult],
    metric: str | None,
    examples: int,
    *,
    foreign: bool,
    notes: Sequence[str],
) -> TaskExplanation:
    said = [*notes]
    sides = _sides(results, metric, said, foreign=foreign)
    matching = match(sides[0].asked, sides[1].asked)
    if not matching.pairs:
        raise NotComparableError("the two runs share no sample: neither ids, nor places, nor questions agree")
    found = attribute(*sides, matching, examples=examples)
    if matching.how != "id":
        said.append(
            f"samples were matched by {'their places in the data' if matching.how == 'position' else 'question and references'}"
        )
    if found.rescored is None and (
        str(sides[0].metric.id) != str(sides[1].metric.id) or sides[0].scoring != sides[1].scoring
    ):
        said.append(
            "neither run's answers could be scored as the other's were: where both answered the same, scores differ by scoring; elsewhere "
            "scoring cannot be told from answers, and counts as answers"
        )
    own, other = (side.metric for side in sides)
    if (own.bounds, own.higher_is_better) != (other.bounds, other.higher_is_better):
        said.append(
            f"the metrics differ in range or direction ({_range(own)}; {_range(other)}): values and points are on the scale of the second"
        )
    return TaskExplanation(
        task_a=results[0].name,
        task_b=results[1].name,
        metric_a=str(sides[0].metric.id),
        metric_b=str(sides[1].metric.id),
        unit=other.unit,
        scale=other.scale,
        higher_is_better=other.higher_is_better,
        attribution=found,
        facts=facts(runs, results, sides, found),
        notes=tuple(said),
    )


def _range(metric: Metric) -> str:
    low, high = ("unbounded" if end is None else f"{end:g}" for end in metric.bounds)
    return f"{metric.id}: {low} to {high}, {'higher' if metric.higher_is_better else 'lower'} is better"


# --- the two sides ---


def _sides(
    results: tuple[TaskResult, TaskResult], metric: str | None, notes: list[str], *, foreign: bool
) -> tuple[Side, Side]:
    metrics = [_metric(result, metric) for result in results]
    if metrics[0].unit != metrics[1].unit:
        raise NotComparableError(f"{metrics[0].id} scores {metrics[0].unit}s and {metrics[1].id} {metrics[1].unit}s")
    unit = metrics[0].unit
    tables = [results[0].tables(results[1]).get(unit), results[1].tables(results[0]).get(unit)]
    made = []
    for result, own, table in zip(results, metrics, tables, strict=True):
        if table is None:
            raise NotComparableError(f"{result.name} has no scores of {unit}s")
        made.append(_side(result, own, table, notes, foreign=foreign))
    return made[0], made[1]


def _metric(result: TaskResult, wanted: str | None) -> Metric:
    if not result.metrics:
        raise NotComparableError(f"{result.name} has no scores ({result.status}): run it to an end, or score it")
    names = (
        [name for name in result.metrics if wanted in (name, without_parameters(name))]
        if wanted
        else list(result.primary)
    )
    if not names:
        raise UnknownNameError(
            f"metric of {result.name}", str(wanted), result.metrics, hint=f"It has: {', '.join(result.metrics)}."
        )
    found, why = metric_for(result, names[0])
    if found is None:
        raise NotComparableError(str(why))
    return found


def _side(result: TaskResult, metric: Metric, table: ScoreTable, notes: list[str], *, foreign: bool) -> Side:
    ids = list(table.unit_ids)
    of_samples = metric.unit == "sample"
    responses = _responses(result, ids) if of_samples and result.store.has_ids else None
    task, samples = _task(result, notes, foreign=foreign) if of_samples else (None, {})
    key = result.stated_key
    scoring = {
        name: value
        for name, value in (("extractor", key.get("extractor")), ("options", result.entry.scored_by.get("options")))
        if value
    }
    own = [samples.get(each) for each in ids]
    return Side(
        metric=metric,
        rows=read_rows(metric, table),
        counted=IS_COUNTED[status_codes(table)],
        clusters=list(table.cluster_ids),
        asked=_asked(result, ids, task, samples),
        responses=responses,
        extracted=None if table.answers is None else list(table.answers),
        scoring=", ".join(f"{value}" for value in scoring.values()),
        data=result.entry.fingerprint,
        rescore=_rescorer(result, metric, task, own),
        extractor=(key.get("extractor") or "").rpartition("-v")[0] if task is not None else "",
        with_extractor=partial(_other_extractor, result, metric, own, foreign) if task is not None else None,
    )


def _responses(result: TaskResult, ids: Sequence[str]) -> list[tuple[Response, ...]] | None:
    answers = answers_by_sample(result)
    if not answers:
        return None
    return [tuple(Response(line.status, line.output, line.error) for line in answers.get(each, ())) for each in ids]


def _task(result: TaskResult, notes: list[str], *, foreign: bool) -> tuple[Task | None, dict[str, Sample]]:
    """The task and its samples by id; None where it cannot be built, or its data are not those of the run, with a note."""
    if not result.source.name:
        return None, {}
    try:
        task = resolve_source(result.source, foreign=foreign).task
        now = task.fingerprint()
        if now != result.entry.fingerprint:
            notes.append(
                f"{result.name}: its data have changed since the run that has the fingerprint {result.entry.fingerprint[:12]} (now {now[:12]}): "
                "what that was asked is not known, and it scores no answers of the other"
            )
            return None, {}
        return task, {sample.id: sample for sample in samples_of(task, result.entry.split)}
    except (ForeignSourceError, UsageError, NotComparableError) as error:
        notes.append(f"{result.name}: what was asked is not known: {error}")
        return None, {}


def _asked(result: TaskResult, ids: Sequence[str], task: Task | None, samples: dict[str, Sample]) -> list[AskedLine]:
    """What was asked of each unit; the id alone where nothing more is known."""
    imported = {line.id: line for line in result.asked()}
    if imported:
        return [imported.get(each) or AskedLine(id=each) for each in ids]
    if task is None:
        return [AskedLine(id=each) for each in ids]
    places = {name: place for place, name in enumerate(samples)}
    return [AskedLine(id=each) if each not in samples else _line(task, samples[each], places[each]) for each in ids]


def _line(task: Task, sample: Sample, place: int) -> AskedLine:
    requests = [each for each in task.requests(sample) if hasattr(each, "parts")]
    question = "\n".join(part for part in sample.parts if isinstance(part, str))
    return AskedLine(
        id=sample.id,
        position=place,
        question=question or None,
        prompt=requests[0].text if requests and isinstance(requests[0], Generate) else None,
        images_sent=any(each.images for each in requests) if requests else None,
        references=sample.references,
        choices=sample.choices,
        group=sample.group,
    )


def _rescorer(result: TaskResult, metric: Metric, task: Task | None, samples: list[Sample | None]) -> Rescorer | None:
    """Scores answers with a task as it is today; None where the task is not there, or asks each question several times."""
    plan = result.store.plan()
    if task is None or plan is None or plan.identity.get("repeats") or plan.n_requests != plan.n_samples:
        return None
    return partial(_score, task, metric, samples)


def _other_extractor(
    result: TaskResult, metric: Metric, samples: list[Sample | None], foreign: bool, name: str
) -> Rescorer | None:
    """As `_rescorer`, with an extractor in the place of the task's own; None where the task does not take it."""
    try:
        task = resolve_source(result.source, {"extractor": name}, foreign=foreign).task
    except MmbenchError:
        return None
    return _rescorer(result, metric, task, samples)


def _score(
    task: Task,
    metric: Metric,
    samples: list[Sample | None],
    units: Sequence[int],
    responses: Sequence[tuple[Response, ...]],
) -> Rescored | None:
    own = [sample for n in units if (sample := samples[n]) is not None]
    if len(own) < len(units) or any(len(each) != 1 for each in responses):
        return None
    try:
        table = task.score(own, responses).get(metric.unit)
        if table is None or len(table.unit_ids) != len(own):
            return None
        rows = read_rows(metric, table)
    except (MmbenchError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None  # it was made for other answers, such as scores of choices
    counted = np.asarray(IS_COUNTED[status_codes(table)], dtype=np.bool_)
    return Rescored(rows, counted, None if table.answers is None else list(table.answers))
