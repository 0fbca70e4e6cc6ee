"""Captions as they were written, against published scores and those of the official scorer."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from mmbench.core import ScoreTable
from mmbench.metrics import caption_columns, caption_metrics, tokenised_columns
from mmbench.metrics.captions.declarations import bleu
from mmbench.metrics.evaluate import evaluate

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def fakecap(shared_data):
    """Candidates and references of the 1,000 images of the COCO demo, and what its scorer says of them."""
    results = json.loads((shared_data / "captions_val2014_fakecap_results.json").read_text())
    with gzip.open(shared_data / "coco_val2014_captions.json.gz") as file:
        captions = json.load(file)
    with gzip.open(shared_data / "anchor_fakecap_scores.json.gz") as file:
        scores = json.load(file)
    by_image = {result["image_id"]: result["caption"] for result in results}
    candidates = [by_image[number] for number in scores["image_ids"]]
    return candidates, [captions[str(number)] for number in scores["image_ids"]], scores


@pytest.mark.slow
def test_raw_captions_of_the_coco_demo_give_the_published_integers_and_scores(fakecap):
    candidates, references, scores = fakecap
    columns = caption_columns(candidates, references)
    sums = columns["bleu"].sum(axis=0)
    assert sums[-2:].tolist() == [9893, 9855]
    assert sums[:4].tolist() == [5732, 2510, 1043, 423]
    names = [f"image {number}" for number in scores["image_ids"]]
    table = ScoreTable("sample", names, names, ["scored"] * len(names), columns)
    values = {str(metric.id): evaluate(metric, table).value for metric in caption_metrics()}
    published = {"bleu@1": 0.579, "bleu@2": 0.404, "bleu@3": 0.279, "bleu@4": 0.191, "rouge_l": 0.396, "cider_d": 0.600}
    assert {name: round(value, 3) for name, value in values.items()} == published
    measured = scores["measured"]
    expected = [*measured["bleu"], measured["rouge"], measured["cider"]]
    np.testing.assert_allclose(list(values.values()), expected, rtol=0, atol=1e-9)


def test_every_image_of_the_coco_demo_as_the_official_scorer(fakecap):
    candidates, references, scores = fakecap
    columns = caption_columns(candidates, references)
    for order in (1, 2, 3, 4):
        np.testing.assert_allclose(
            bleu.function(columns["bleu"], k=order), scores["bleu_per"][order - 1], rtol=0, atol=1e-9
        )
    np.testing.assert_allclose(columns["rouge_l"], scores["rouge_per"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(columns["cider_d"], scores["cider_per"], rtol=0, atol=1e-9)


def test_captions_that_are_not_tokenised_would_score_otherwise(fakecap):
    candidates, references, _ = fakecap
    raw = tokenised_columns(candidates, references)["cider_d"].mean()
    assert abs(raw - 0.600) > 0.05


@pytest.mark.parametrize("which", ["good", "bad"])
def test_two_images_of_the_clipscore_readme(shared_data, which):
    anchor = json.loads((shared_data / "anchor_clipscore_readme.json").read_text())
    names = sorted(anchor["refs"])
    candidates = [anchor[which]["candidates"][name] for name in names]
    columns = caption_columns(candidates, [anchor["refs"][name] for name in names])
    sums = columns["bleu"].sum(axis=0)
    found = [
        *(bleu.function(sums, k=order) for order in (1, 2, 3, 4)),
        columns["rouge_l"].mean(),
        columns["cider_d"].mean(),
    ]
    measured, published = anchor[which]["measured"], anchor[which]["published_README"]
    exact = [*measured["bleu"], measured["rouge"], measured["cider"]]
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9)
    printed = [*published["bleu"], published["ROUGE"], published["CIDER"]]
    np.testing.assert_allclose(found, printed, rtol=0, atol=5.1e-5)
