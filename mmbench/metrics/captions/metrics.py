"""The metrics of captions, made from the columns of a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmbench.core.ids import MetricId
from mmbench.core.metric import Metric
from mmbench.metrics.captions.ngrams import ORDERS
from mmbench.metrics.formulas import mean_metric

Floats = NDArray[np.float64]

_SMALL = 1e-9
_TINY = 1e-15
"""What the official scorer adds to every denominator and numerator, so that nothing is divided by 0."""


def bleu(sums: Floats, order: int = ORDERS) -> Floats:
    """BLEU from sums of rows: float64 [..., 10] → float64 [...].

    The geometric mean of the n-gram precisions up to `order`, times exp(1 - r / c) where the candidates' c words are fewer
    than the r of the references. Columns as in `mmbench.metrics.captions.columns.caption_columns`. Of one row, the BLEU of
    one image; of the sum of all, that of the corpus. Papineni et al. (2002), with the constants of pycocoevalcap 1.2.

    >>> rows = np.array([[5732.0, 2510, 1043, 423, 9893, 8893, 7893, 6893, 9893, 9855]])
    >>> [bleu(rows, order).round(3).item() for order in (1, 2, 3, 4)]
    [0.579, 0.404, 0.279, 0.191]
    """
    precisions = (sums[..., :order] + _TINY) / (sums[..., ORDERS : ORDERS + order] + _SMALL)
    ratio = (sums[..., -2] + _TINY) / (sums[..., -1] + _SMALL)
    brevity = np.where(ratio < 1, np.exp(np.minimum(1 - 1 / ratio, 0)), 1.0)
    return np.asarray(precisions.prod(axis=-1) ** (1 / order) * brevity)


def meteor(sums: Floats) -> Floats:
    """METEOR 1.5 for English from sums of rows: float64 [..., 23] → float64 [...].

    (1 - 0.6 (chunks / m)^0.2) P R / (0.85 P + 0.15 R), where m is the mean number of matched words, and P and R are the
    shares of the words that match: content words weigh 0.75, function words 0.25; exact matches 1, stems 0.6, synonyms
    0.8 and paraphrases 0.6. Columns as in `mmbench.metrics.captions.java.meteor_columns`. 0 where nothing matches.
    Denkowski and Lavie (2014), with the parameters of version 1.5.

    >>> one_word_of_two = [2, 2, 0, 0, 1, 1, 0, 0, *[0] * 12, 1, 1, 1]
    >>> meteor(np.array(one_word_of_two, dtype=float)).item()
    0.2
    """
    alpha, beta, gamma, delta = 0.85, 0.2, 0.6, 0.75
    kinds = np.array([1.0, 0.6, 0.8, 0.6])
    shares = []
    for side in (0, 1):
        functions = sums[..., 2 + side]
        words = delta * (sums[..., side] - functions) + (1 - delta) * functions
        content, function = sums[..., 4 + side : 20 : 4], sums[..., 6 + side : 20 : 4]
        matched = ((delta * content + (1 - delta) * function) * kinds).sum(axis=-1)
        shares.append(np.divide(matched, words, out=np.zeros(matched.shape), where=words > 0))
    precision, recall = shares
    mean = alpha * precision + (1 - alpha) * recall
    mean = np.divide(precision * recall, mean, out=np.zeros(mean.shape), where=mean > 0)
    matches = (sums[..., 21] + sums[..., 22]) / 2
    fragments = np.divide(sums[..., 20], matches, out=np.zeros(matches.shape), where=matches > 0)
    return np.asarray(mean * (1 - gamma * fragments**beta))


def caption_metrics(unit: str = "sample", *, with_meteor: bool = False, with_spice: bool = False) -> list[Metric]:
    """BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D over the columns that `caption_columns` makes.

    Parameters: `unit`, the table that has them; `with_meteor` and `with_spice`, for tables that also have the columns of
    `meteor_columns` or `spice_columns`.

    >>> [str(metric.id) for metric in caption_metrics()]
    ['bleu@1', 'bleu@2', 'bleu@3', 'bleu@4', 'rouge_l', 'cider_d']
    """
    same = "values equal to pycocoevalcap 1.2"
    metrics = [
        *(
            _corpus_metric(
                f"bleu@{order}",
                unit,
                "bleu",
                partial(bleu, order=order),
                f"Papineni et al. 2002, corpus level, closest reference length; {same}",
            )
            for order in range(1, ORDERS + 1)
        ),
        mean_metric("rouge_l", unit, "rouge_l", reference=f"Lin 2004, β = 1.2; {same}"),
        mean_metric(
            "cider_d",
            unit,
            "cider_d",
            bounds=(0.0, 10.0),
            reference=f"Vedantam et al. 2015, CIDEr-D with n = 1 … 4 and sigma = 6; {same}, where it is called CIDEr",
        ),
    ]
    if with_meteor:
        metrics.append(
            _corpus_metric("meteor", unit, "meteor", meteor, f"Denkowski and Lavie 2014, METEOR 1.5; {same}")
        )
    if with_spice:
        spice = "Anderson et al. 2016, SPICE 1.0 as in pycocoevalcap 1.2"
        metrics.append(mean_metric("spice", unit, "spice", reference=spice))
    return metrics


def _corpus_metric(
    metric_id: str, unit: str, column: str, formula: Callable[[Floats], Floats], reference: str
) -> Metric:
    return Metric(MetricId.parse(metric_id), unit, (column,), formula, reference=reference)
