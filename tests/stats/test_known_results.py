"""TextVQA's validation questions, clustered by picture, with a third party's predictions."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS

from mmbench.core import ScoreTable
from mmbench.metrics import vqa_accuracies, vqa_metric
from mmbench.metrics.evaluate import evaluate
from mmbench.stats import clustered_se, naive_se, paired_mean_difference


@pytest.fixture
def textvqa(shared_data: Path):
    with gzip.open(shared_data / "textvqa_val_with_predictions.json.gz", "rt", encoding="utf-8") as stream:
        data = json.load(stream)
    scores = {
        variant: np.array(vqa_accuracies(data["predictions"], data["answers"], variant))
        for variant in ("textvqa-evalai", "official-2021")
    }
    return scores, [str(image) for image in data["image_ids"]]


def ols(values, clusters):
    return OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )


def test_the_mean_and_its_errors(textvqa):
    scores, images = textvqa
    values, clusters = scores["textvqa-evalai"], np.unique(images, return_inverse=True)[1]
    fit = ols(values, clusters)
    assert round(naive_se(values), 6) == 0.005798
    assert round(clustered_se(values, clusters), 6) == 0.006089
    assert clustered_se(values, clusters) == pytest.approx(fit.bse[0], rel=1e-12)

    table = ScoreTable(
        unit="sample",
        unit_ids=[str(i) for i in range(len(values))],
        cluster_ids=images,
        status=["scored"] * len(values),
        columns={"vqa_accuracy": values},
    )
    got = evaluate(vqa_metric(variant="textvqa-evalai"), table)
    assert (round(got.value, 5), got.n, got.n_clusters) == (0.74414, 5000, 3166)
    assert (got.high - got.low) / 2 == pytest.approx(1.96 * fit.bse[0], rel=2e-3)


def test_the_difference_of_two_conventions_and_its_errors(textvqa):
    scores, images = textvqa
    evalai, official = scores["textvqa-evalai"], scores["official-2021"]
    clusters = np.unique(images, return_inverse=True)[1]
    found = paired_mean_difference(official, evalai, clusters)
    fit = ols(evalai - official, clusters)
    assert found.value == pytest.approx(fit.params[0], rel=1e-12)
    assert found.se == pytest.approx(fit.bse[0], rel=1e-3)  # CR2; statsmodels has the estimator without correction
    assert (round(found.value, 5), round(clustered_se(evalai - official, clusters), 6)) == (0.00984, 0.001412)
    assert round(naive_se(evalai - official), 6) == 0.001383
    assert found.low > 0
    assert found.p_value < 1e-9
