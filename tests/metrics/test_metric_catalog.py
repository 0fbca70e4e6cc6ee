"""The catalogue: it names what exists, and reading it stays light."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module

import pytest

import mmbench.metrics
from mmbench.core import MetricId
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


def pattern_of(metric):
    text = re.sub(r"@[0-9]+", "@k", str(metric.id))
    return re.sub(r"=[^,)]+", "=…", text)


def test_every_metric_of_the_package_has_its_card():
    cards = {card.pattern: card for card in CATALOG}
    assert len(cards) == len(CATALOG)
    means = [mean_metric("accuracy", "sample", "correct"), mean_metric("block_accuracy", "block", "right")]
    means += [mean_metric(name, "sample", name) for name in ("exact_match", "attribute_accuracy")]
    means += caption_metrics(with_meteor=True, with_spice=True)
    means += [f1_metric("macro", 3), f1_metric("macro", 3, zero_division="0"), *number_metrics(), *sentiment_metrics()]
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


def test_the_catalogue_loads_no_numpy():
    code = "import sys, mmbench.metrics as m; m.CATALOG; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_loads_on_first_use():
    assert set(dir(mmbench.metrics)) == set(mmbench.metrics.__all__)
    assert all(getattr(mmbench.metrics, name) is not None for name in mmbench.metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mmbench.metrics.nothing
