"""The catalogue: it names what exists, and reading it stays light."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module

import pytest

import mmbench.metrics
from mmbench.core import MetricId
from mmbench.core.errors import UnknownNameError
from mmbench.metrics import (
    CATALOG,
    caption_metrics,
    f1_metric,
    mean_metric,
    number_metrics,
    pair_metric,
    retrieval_metrics,
    sentiment_metrics,
    vqa_metric,
)
from mmbench.metrics.named import metric_named
from mmbench.results.recipes import recipe_of
from mmbench_tasks.scenes.scoring import block_metric


def pattern_of(metric):
    text = re.sub(r"@[0-9]+", "@k", str(metric.id))
    return re.sub(r"=[^,)]+", "=…", text)


def test_every_metric_of_the_package_has_its_card():
    cards = {card.pattern: card for card in CATALOG}
    assert len(cards) == len(CATALOG)
    means = [mean_metric("accuracy", "sample", "correct"), mean_metric("block_accuracy", "block", "right")]
    means += [mean_metric(name, "sample", name) for name in ("exact_match", "attribute_accuracy")]
    means += caption_metrics(with_meteor=True, with_spice=True)
    means += [f1_metric("macro"), f1_metric("macro", zero_division="0"), *number_metrics(), *sentiment_metrics()]
    metrics = [*means, *retrieval_metrics("i2t"), *retrieval_metrics("t2i"), pair_metric("t2i"), vqa_metric("exact")]
    assert {pattern_of(metric) for metric in metrics} == set(cards)
    for metric in metrics:
        assert cards[pattern_of(metric)].higher_is_better == metric.higher_is_better


@pytest.mark.parametrize("card", CATALOG, ids=lambda card: card.pattern)
def test_a_card_is_complete(card):
    assert MetricId.parse(card.pattern.replace("@k", "@5").replace("…", "t2i")).name in card.pattern
    assert card.description.endswith(".")
    assert card.range
    assert card.reference
    module, _, attribute = card.target.partition(":")
    assert callable(getattr(import_module(module), attribute))


PARAMETERS = {
    "variant": "exact",
    "direction": "t2i",
    "average": "weighted",
    "zero_division": "0",
    "convention": "mult",
    "zero": "without",
    "classes": "2",
}
"""A value for every parameter that patterns leave open."""


def example_of(card):
    """An id that fits the pattern of a card."""
    text = card.pattern.replace("@k", "@4")
    return re.sub(r"([a-z_]+)=…", lambda match: f"{match[1]}={PARAMETERS[match[1]]}", text)


@pytest.mark.parametrize("card", CATALOG, ids=lambda card: card.pattern)
def test_every_metric_of_the_catalogue_is_found_by_its_id(card):
    metric = metric_named(example_of(card))
    assert pattern_of(metric) == card.pattern
    assert metric.is_mean or metric.formula or metric.compute


@pytest.mark.parametrize("metric", [*caption_metrics(with_meteor=True, with_spice=True), *retrieval_metrics("t2i")])
def test_a_metric_found_by_its_id_is_the_one_that_the_package_makes(metric):
    found = metric_named(str(metric.id))
    assert recipe_of(found) == recipe_of(metric)
    assert (found.compute, found.scale, found.higher_is_better) == (
        metric.compute,
        metric.scale,
        metric.higher_is_better,
    )


def test_other_conventions_are_found_by_their_ids():
    for text in (
        "recall@7(direction=i2t,protocol=1k-5fold,ties=optimistic)",
        "median_rank(direction=t2i,protocol=1k-5fold)",
        "vqa_accuracy(variant=textvqa-evalai)",
        "f1(average=macro)",
        "f1(average=weighted,classes=2,convention=mmsa,zero=with)",
    ):
        assert str(metric_named(text).id) == text
    assert metric_named("block_accuracy").columns == block_metric().columns
    assert metric_named("block_accuracy").unit == block_metric().unit


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
    ],
)
def test_an_id_that_no_card_describes_is_unknown(text):
    with pytest.raises(UnknownNameError, match="unknown metric"):
        metric_named(text)


def test_the_catalogue_loads_no_numpy():
    code = "import sys, mmbench.metrics as m; m.CATALOG; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_loads_on_first_use():
    assert set(dir(mmbench.metrics)) == set(mmbench.metrics.__all__)
    assert all(getattr(mmbench.metrics, name) is not None for name in mmbench.metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mmbench.metrics.nothing
