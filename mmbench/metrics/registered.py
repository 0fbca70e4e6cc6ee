"""Registered metrics: found by name, rebuilt from an id or a stored maker, and held against impostors.

Metrics of this package and of others are registered in the same way, in the entry-point group ``mmbench.metrics``. Nothing
else is imported because a stored file names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from mmbench import registry
from mmbench.core.errors import PluginError, UnknownNameError
from mmbench.core.ids import MetricId
from mmbench.core.metric import Maker, Metric
from mmbench.metrics.declare import MetricMaker

_HINT = "See: mmbench list metrics"


def maker_named(name: str) -> MetricMaker:
    """Import the metric that is registered under a name.

    Raises:
        UnknownNameError: If there is none.
        PluginError: If two distributions claim the name, or it cannot be imported or is no declared metric.
    """
    maker = registry.load(registry.find("metric", name, hint=_HINT))
    if not isinstance(maker, MetricMaker):
        kind = type(maker).__name__
        raise PluginError(f"metric {name!r} is an object of type {kind}; expected what mmbench.metrics.metric declares")
    if maker.name != name:
        raise PluginError(f"metric {name!r} declares the name {maker.name!r}; register it under that")
    return maker


def metric_from_id(text: str) -> Metric:
    """Make the registered metric that has this id.

    Raises:
        UnknownNameError: If no registered metric has it, with the nearest names.
        PluginError: If two have it, and as `maker_named` does.

    Example:
        >>> metric_from_id("bleu@4").columns, metric_from_id("median_rank(direction=i2t)").unit
        (('bleu',), 'query_i2t')
    """
    try:
        wanted = MetricId.parse(text)
    except ValueError:
        raise _unknown(text) from None
    names = [plugin.name for plugin in registry.plugins("metric")]
    found = []
    for name in names:
        if name.partition(".")[0] == wanted.name:
            try:
                found.append(maker_named(name).from_id(wanted))
            except UnknownNameError:  # another maker of this name may have the id
                continue
    if len(found) > 1:
        makers = " and ".join(each.maker.name for each in found if each.maker)
        raise PluginError(f"metric {text} is declared by both {makers}")
    if not found:
        raise _unknown(text)
    return found[0]


def _unknown(text: str) -> UnknownNameError:
    return UnknownNameError("metric", text, (plugin.name for plugin in registry.plugins("metric")), hint=_HINT)


def metric_from_maker(maker: Maker) -> Metric:
    """Make a metric from what made it before.

    Raises:
        UnknownNameError: If no metric of that name is registered, or it does not have these parameters today.
        PluginError: As `maker_named` does.
    """
    return maker_named(maker.name)(**dict(maker.parameters))


def check_ids(metrics: Iterable[Metric]) -> None:
    """Hold the metrics of a task against the registered ones.

    A task may read another table or other columns, and may have metrics that are registered nowhere.

    Raises:
        PluginError: If two of the metrics have one id, or one has the id of a registered metric with another formula, range or
            direction; also if a name that is needed to tell is registered twice.
    """
    seen: set[MetricId] = set()
    for metric in metrics:
        if metric.id in seen:
            raise PluginError(f"two metrics have the id {metric.id}")
        seen.add(metric.id)
        try:
            registered = metric_from_id(str(metric.id))
        except UnknownNameError:
            continue
        if registered is not metric and _definition(registered) != _definition(metric):
            name = registered.maker.name if registered.maker else ""
            owner = registry.find("metric", name).distribution
            raise PluginError(
                f"the metric {metric.id} is computed in another way than the one that {owner} registers; give it another id"
            )


def _definition(metric: Metric) -> tuple[Any, ...]:
    functions = (_parts(metric.formula), _parts(metric.compute))
    return metric.is_mean, metric.higher_is_better, metric.bounds, metric.scale, functions


def _parts(function: Any) -> Any:
    """A function in a form that is equal for equal partial functions."""
    return (function.func, function.args, function.keywords) if isinstance(function, partial) else function
