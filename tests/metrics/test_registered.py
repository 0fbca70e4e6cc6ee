"""Registered metrics: every one documents itself, is found by its id, and is told from others of its name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

import mmbench.metrics
from mmbench import registry
from mmbench.core.errors import PluginError, UnknownNameError
from mmbench.metrics import (
    accuracy,
    caption_metrics,
    f1,
    mean_metric,
    pearson,
    retrieval_metrics,
    sentiment_metrics,
)
from mmbench.metrics.registered import check_ids, maker_named, metric_from_id, metric_from_maker
from mmbench.results.metric_specs import spec_of
from mmbench_tasks.scenes.scoring import block_accuracy

NAMES = [plugin.name for plugin in registry.plugins("metric")]
OFFERED = [
    *caption_metrics(with_meteor=True, with_spice=True),
    *retrieval_metrics("t2i"),
    *retrieval_metrics("i2t", (7,), ties="optimistic", protocol="1k"),
    *sentiment_metrics(),
    block_accuracy(),
    f1(average="macro", zero_division="0"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_registered_metric_documents_itself(name):
    maker = maker_named(name)
    assert maker.description.endswith(".")
    assert maker.formula
    assert maker.source
    made = maker.example()
    assert (made.text, made.source, made.maker.name) == (maker.formula, maker.source, name)
    assert metric_from_id(str(made.id)) is made


@pytest.mark.parametrize("metric", OFFERED, ids=lambda metric: str(metric.id))
def test_a_metric_is_rebuilt_from_its_id_and_from_its_maker(metric):
    for found in (metric_from_id(str(metric.id)), metric_from_maker(metric.maker)):
        assert spec_of(found) == spec_of(metric)
        assert (found.scale, found.higher_is_better) == (metric.scale, metric.higher_is_better)


@pytest.mark.parametrize(
    "text",
    [
        "bleu@9",
        "recall@5",
        "acuracy",
        "recall@5(direction=t2i,ties=lucky)",
        "no metric",
        "vqa_accuracy(x=1)",
        "f1(average=mean)",
        "f1(average=macro,zero_division=nan)",
    ],
)
def test_an_id_that_no_maker_writes_is_unknown(text):
    with pytest.raises(UnknownNameError):
        metric_from_id(text)


def test_listing_metrics_loads_no_numpy():
    code = (
        "import sys; from mmbench import registry\n"
        "for plugin in registry.plugins('metric'): registry.load(plugin)\n"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_loads_on_first_use():
    assert set(dir(mmbench.metrics)) >= set(mmbench.metrics.__all__)
    assert all(getattr(mmbench.metrics, name) is not None for name in mmbench.metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mmbench.metrics.nothing


# --- ids that collide ---


def test_metrics_of_a_task_may_read_other_columns_and_have_ids_of_their_own():
    check_ids([accuracy(), mean_metric("accuracy(of=chess)", "sample", "right"), mean_metric("own", "sample", "x")])
    check_ids([mean_metric("accuracy", "question", "right")])
    check_ids(OFFERED)


@pytest.mark.parametrize(
    "metric",
    [
        mean_metric("accuracy", "sample", "accuracy", higher_is_better=False),
        mean_metric("accuracy", "sample", "accuracy", bounds=(0.0, 10.0)),
        replace(f1(average="macro"), formula=lambda sums: sums[..., 0]),
        replace(pearson(), compute=lambda rows, weights: rows[0] * weights, formula=None),
    ],
)
def test_the_id_of_a_registered_metric_means_that_metric(metric):
    with pytest.raises(PluginError):
        check_ids([metric])


def test_an_id_twice_is_refused():
    with pytest.raises(PluginError):
        check_ids([accuracy(), accuracy()])


def register(monkeypatch, *plugins):
    """Let these be the only metrics that are registered."""
    for module in (registry, registry.entry_points):
        monkeypatch.setattr(module, "plugins", lambda kind: plugins)


def test_what_is_registered_must_be_a_declaration_of_that_name(monkeypatch):
    def registered(name, target):
        register(monkeypatch, registry.Plugin("metric", name, target, "other==1"))

    registered("ratio", "mmbench.metrics.formulas:ratio")
    with pytest.raises(PluginError):
        maker_named("ratio")
    registered("other", "mmbench.metrics.formulas:accuracy")
    with pytest.raises(PluginError):
        maker_named("other")


def test_two_makers_of_one_id_are_refused(monkeypatch):
    metrics = {"f1": "mmbench.metrics.classes:f1", "f1.other": "other_metrics:f1"}
    other = mmbench.metrics.metric(
        "f1(average=macro)", name="f1.other", columns=("x",), formula="x", source="this page"
    )(lambda sums: sums[..., 0])
    load = registry.load
    register(monkeypatch, *(registry.Plugin("metric", name, target, "mmbench==1") for name, target in metrics.items()))
    monkeypatch.setattr(registry, "load", lambda plugin: other if plugin.name == "f1.other" else load(plugin))
    with pytest.raises(PluginError):
        metric_from_id("f1(average=macro)")
    assert metric_from_id("f1(average=micro)").maker.name == "f1"
