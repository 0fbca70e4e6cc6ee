"""What the blind prior gets on the very samples of a plan: the figure that stands beside a model's own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmbench.core.model import FitContext
from mmbench.core.requests import Generate, Request, identify
from mmbench.core.responses import Response
from mmbench.core.samples import Sample
from mmbench.metrics.evaluate import evaluate
from mmbench.models.prior import TemplatePrior
from mmbench.runner.plan import TaskPlan


def fit_context(plan: TaskPlan) -> FitContext:
    """What `fit` may use: the requests that this plan's task makes."""

    def requests(sample: Sample) -> Sequence[Request]:
        made = list(plan.task.requests(sample))
        identify(made, plan.name, sample.id, plan.seed)
        return made

    return FitContext(requests=requests, seed=plan.seed)


def training_splits(plan: TaskPlan) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """(train, val) samples; val is empty where the task has none. The split that is asked is never among them."""
    splits = plan.task.info.splits
    train = plan.task.samples("train")
    val = plan.task.samples("val") if "val" in splits and plan.split != "val" else ()
    return train, val


def prior_values(plan: TaskPlan) -> dict[str, float]:
    """Primary metric id to the value of `template-prior`; empty where the task has no training answers to count."""
    info = plan.task.info
    if "train" not in info.splits or plan.split == "train" or info.request_kinds != {"generate"}:
        return {}
    model = TemplatePrior()
    model.fit(info, plan.task.samples("train"), (), FitContext(requests=plan.task.requests, seed=plan.seed))
    responses: list[list[Response]] = []
    for sample in plan.samples:
        requests = [request for request in plan.task.requests(sample) if isinstance(request, Generate)]
        responses.append([Response("ok", text) for text in model.generate(requests)])
    tables = plan.task.score(plan.samples, responses)
    values = {
        str(metric.id): evaluate(metric, tables[metric.unit]).value
        for metric in plan.task.metrics
        if str(metric.id) in info.primary and metric.unit in tables
    }
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
