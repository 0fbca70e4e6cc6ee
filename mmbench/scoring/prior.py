"""What the blind prior gets on the very samples of a plan: the figure that stands beside a model's own."""

from __future__ import annotations

import math

from mmbench.core.model import FitContext
from mmbench.core.requests import Generate
from mmbench.core.responses import Response
from mmbench.metrics.evaluate import evaluate
from mmbench.models.prior import TemplatePrior
from mmbench.runner.plan.task_plan import TaskPlan


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
