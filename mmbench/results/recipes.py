"""What is written down of a metric, and the metric made of it again."""

from __future__ import annotations

from mmbench.core.ids import MetricId
from mmbench.core.metric import Metric
from mmbench.core.scores import MetricValue
from mmbench.results.schema import MetricKind, Recipe


def recipe_of(metric: Metric) -> Recipe:
    """How a metric comes from score tables, as far as it can be written down."""
    kind: MetricKind = "mean" if metric.is_mean else "compute" if metric.formula is None else "formula"
    return Recipe(unit=metric.unit, columns=list(metric.columns), kind=kind, bounds=metric.bounds)


def mean_of(value: MetricValue, recipe: Recipe) -> Metric | None:
    """The metric of a recipe that is a mean, with the direction and scale of its value; None for other recipes."""
    from mmbench.metrics.formulas import ratio

    if recipe.kind != "mean":
        return None
    return Metric(
        id=MetricId.parse(value.id),
        unit=recipe.unit,
        columns=tuple(recipe.columns),
        formula=ratio,
        is_mean=True,
        higher_is_better=value.higher_is_better,
        bounds=recipe.bounds,
        scale=value.scale,
    )
