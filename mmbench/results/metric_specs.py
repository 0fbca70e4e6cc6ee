"""Write down how a metric is computed, and make the metric from that again."""

from __future__ import annotations

from mmbench.core.errors import NotComparableError, UsageError
from mmbench.core.ids import MetricId
from mmbench.core.metric import Maker, Metric
from mmbench.core.score_table import MetricValue
from mmbench.results.schema import MetricKind, MetricSpec


def spec_of(metric: Metric) -> MetricSpec:
    """Describe how a metric comes from score tables."""
    kind: MetricKind = "mean" if metric.is_mean else "compute" if metric.formula is None else "formula"
    maker = metric.maker or Maker("")
    return MetricSpec(
        unit=metric.unit,
        columns=list(metric.columns),
        kind=kind,
        bounds=metric.bounds,
        maker=maker.name or None,
        parameters=dict(maker.parameters),
    )


def same_computation(one: MetricSpec, other: MetricSpec) -> bool:
    """Whether two specs describe one computation; makers, which older files do not name, count where both are there."""
    makers = [(each.maker, each.parameters) for each in (one, other) if each.maker is not None]
    plain = [(each.unit, each.columns, each.kind, each.bounds) for each in (one, other)]
    return plain[0] == plain[1] and (len(makers) < 2 or makers[0] == makers[1])


def rebuild(value: MetricValue, spec: MetricSpec | None) -> Metric:
    """Make the metric of a stored value without its task.

    A mean is made from its spec alone. Any other metric is made by the registered maker that the spec names; where it names
    none, or there is no spec (files of schema versions before 6), by the registered metric that has the id.

    Raises:
        NotComparableError: If no such metric is registered, or it is computed in another way today.
    """
    from mmbench.metrics.formulas import ratio
    from mmbench.metrics.registered import metric_from_id, metric_from_maker

    if spec is not None and spec.kind == "mean":
        return Metric(
            id=MetricId.parse(value.id),
            unit=spec.unit,
            columns=tuple(spec.columns),
            formula=ratio,
            is_mean=True,
            higher_is_better=value.higher_is_better,
            bounds=spec.bounds,
            scale=value.scale,
        )
    try:
        if spec is not None and spec.maker is not None:
            metric = metric_from_maker(Maker(spec.maker, tuple(sorted(spec.parameters.items()))))
        else:
            metric = metric_from_id(value.id)
    except UsageError as error:
        why = "it is no mean, and no registered metric has this id"
        if spec is not None and spec.maker is not None:
            why = f"its maker {spec.maker!r} cannot be used: {error}"
        raise NotComparableError(f"how {value.id} is computed is not known here: {why}") from error
    if str(metric.id) != value.id or (spec is not None and not same_computation(spec_of(metric), spec)):
        raise NotComparableError(f"{value.id} is computed in another way today than when it was stored")
    return metric
