"""A metric of this package by its id alone, for values on disk whose task is not at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from mmbench.core.errors import UnknownNameError
from mmbench.core.ids import MetricId
from mmbench.core.metric import Metric
from mmbench.metrics.catalog import CATALOG

Made = Iterable[Metric]

_TABLES: Mapping[str, tuple[str, str]] = {"block_accuracy": ("block", "right")}
"""Means that do not read the column of their own name in the table ``sample``: (table, column)."""


def metric_named(text: str) -> Metric:
    """The metric with this id, over the tables and columns that the tasks of this package give it.

    Raises `UnknownNameError` for an id that no entry of the catalogue describes, with the nearest names.

    >>> metric_named("bleu@4").columns, metric_named("median_rank(direction=i2t)").unit
    (('bleu',), 'query_i2t')
    """
    try:
        wanted = MetricId.parse(text)
        made = (metric for target in _targets(wanted.name) for metric in _made(target, wanted))
        found = next((metric for metric in made if metric.id == wanted), None)
    except (KeyError, ValueError):
        found = None
    if found is not None:
        return found
    raise UnknownNameError("metric", text, [card.pattern for card in CATALOG], hint="See: mmbench list metrics")


def _targets(name: str) -> list[str]:
    """The functions that make metrics of this name, each once."""
    return list(dict.fromkeys(card.target for card in CATALOG if MetricId.parse(_example(card.pattern)).name == name))


def _example(pattern: str) -> str:
    """A pattern of the catalogue as an id that can be parsed."""
    return pattern.replace("@k", "@1").replace("…", "x")


def _made(target: str, wanted: MetricId) -> Made:
    """What the function of a card makes: with the arguments that the id implies, or without any."""
    builder = _BUILDERS.get(target)
    if builder is not None:
        return builder(wanted)
    module, _, attribute = target.partition(":")
    made: Metric | Made = getattr(import_module(module), attribute)()
    return [made] if isinstance(made, Metric) else made


def _mean(wanted: MetricId) -> Made:
    from mmbench.metrics.formulas import mean_metric

    unit, column = _TABLES.get(wanted.name, ("sample", wanted.name))
    return [mean_metric(str(wanted), unit, column)]


def _vqa(wanted: MetricId) -> Made:
    from mmbench.metrics.vqa import vqa_metric

    return [vqa_metric(dict(wanted.params)["variant"])]


def _retrieval(wanted: MetricId) -> Made:
    from mmbench.metrics.retrieval import retrieval_metrics
    from mmbench.metrics.retrieval.expected import KS, TIES
    from mmbench.metrics.retrieval.protocols import PROTOCOLS

    params = dict(wanted.params)
    (ties,) = [each for each in TIES if each == params.get("ties", TIES[0])]
    (protocol,) = [each for each, shown in PROTOCOLS.items() if shown == params.get("protocol", "")]
    ks = KS if wanted.cutoff is None else (wanted.cutoff,)
    return retrieval_metrics(params["direction"], ks, ties=ties, protocol=protocol)


def _pair(wanted: MetricId) -> Made:
    from mmbench.metrics.retrieval import pair_metric

    return [pair_metric(dict(wanted.params)["direction"])]


def _captions(wanted: MetricId) -> Made:
    del wanted
    from mmbench.metrics.captions.metrics import caption_metrics

    return caption_metrics(with_meteor=True, with_spice=True)


def _f1(wanted: MetricId) -> Made:
    from mmbench.metrics.classes import AVERAGES, f1_metric

    params = dict(wanted.params)
    named, zero_division = params.pop("average"), params.pop("zero_division", "nan")
    (average,) = [each for each in AVERAGES if each == named]
    return () if params else [f1_metric(average, zero_division=zero_division)]


_BUILDERS: Mapping[str, Callable[[MetricId], Made]] = {
    "mmbench.metrics.formulas:mean_metric": _mean,
    "mmbench.metrics.vqa:vqa_metric": _vqa,
    "mmbench.metrics.retrieval:retrieval_metrics": _retrieval,
    "mmbench.metrics.retrieval:pair_metric": _pair,
    "mmbench.metrics.classes:f1_metric": _f1,
    "mmbench.metrics.captions.metrics:caption_metrics": _captions,
}
"""Target of a card to what calls it; a target that is not here is called without arguments."""
