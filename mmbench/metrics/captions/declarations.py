"""The metrics of captions, made from the columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench.core.metric import ONES, Metric
from mmbench.metrics.declare import MetricMaker, metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ORDERS = 4
"""Words of the longest n-grams."""
_SMALL = 1e-9
_TINY = 1e-15
"""What the official scorer adds to every denominator and numerator, so that nothing is divided by 0."""
_SAME = "values equal to pycocoevalcap 1.2"


@metric(
    "bleu@1|2|3|4",
    columns=("bleu",),
    formula="(p1 · … · pk)^(1/k) · min(1, exp(1 - r / c)) of the sums over the corpus",
    source=f"Papineni et al. 2002, BLEU; corpus level, closest reference length; {_SAME}",
)
def bleu(sums: Floats, *, k: int = ORDERS) -> Floats:
    r"""How many of the captions' n-grams, up to k words, stand in the references, over the whole corpus.

    Captions that are too short are worth less.

    .. math:: \Big(\prod_{n \le k} m_n / g_n\Big)^{1/k} \min(1, e^{1 - r/c})

    Of one row, it is the BLEU of one image; of the sum of all, that of the corpus.

    Args:
        sums: float64 [..., 10]: the columns ``bleu`` of `mmbench.metrics.captions.columns.caption_columns`: correct n-grams
            m, n-grams g, the candidates' c words and the references' r.
        k: The longest n-grams.

    Returns:
        float64 [...] in [0, 1], with the constants of pycocoevalcap 1.2.

    Example:
        >>> import numpy as np
        >>> rows = np.array([[5732.0, 2510, 1043, 423, 9893, 8893, 7893, 6893, 9893, 9855]])
        >>> [bleu(k=k).formula(rows).round(3).item() for k in (1, 2, 3, 4)]
        [0.579, 0.404, 0.279, 0.191]
    """
    import numpy as np

    precisions = (sums[..., :k] + _TINY) / (sums[..., ORDERS : ORDERS + k] + _SMALL)
    ratio = (sums[..., -2] + _TINY) / (sums[..., -1] + _SMALL)
    brevity = np.where(ratio < 1, np.exp(np.minimum(1 - 1 / ratio, 0)), 1.0)
    return np.asarray(precisions.prod(axis=-1) ** (1 / k) * brevity)


@metric(
    "meteor",
    columns=("meteor",),
    formula="(1 - 0.6 (chunks / m)^0.2) · P R / (0.85 P + 0.15 R) of the sums over the corpus",
    source=f"Denkowski and Lavie 2014, METEOR 1.5 for English; {_SAME}",
)
def meteor(sums: Floats) -> Floats:
    r"""Words in common with the best reference, stems, synonyms and paraphrases among them, and how scattered they are.

    Needs Java and the extra coco.

    .. math:: (1 - 0.6 (h / m)^{0.2}) \cdot P R / (0.85 P + 0.15 R)

    m is the mean number of matched words, h the number of chunks, and P and R are the shares of the words that match: content
    words weigh 0.75, function words 0.25; exact matches 1, stems 0.6, synonyms 0.8 and paraphrases 0.6.

    Args:
        sums: float64 [..., 23]: the columns of `mmbench.metrics.captions.java.meteor_columns`.

    Returns:
        float64 [...] in [0, 1]; 0 where nothing matches.

    Example:
        >>> import numpy as np
        >>> one_word_of_two = [2, 2, 0, 0, 1, 1, 0, 0, *[0] * 12, 1, 1, 1]
        >>> meteor().formula(np.array(one_word_of_two, dtype=float)).item()
        0.2
    """
    import numpy as np

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


rouge_l = MetricMaker(
    "rouge_l",
    description="How much of a caption and of its references follows in the same order: the longest common subsequence of "
    "words.",
    columns=("rouge_l", ONES),
    formula="mean over images of (1 + β²) P R / (R + β² P), β = 1.2",
    source=f"Lin 2004, ROUGE; {_SAME}",
)
cider_d = MetricMaker(
    "cider_d",
    description="How much a caption agrees with all its references in n-grams that few images have. What papers on COCO call "
    "CIDEr; needs the references of at least two images.",
    columns=("cider_d", ONES),
    formula="mean over images of 10 · the mean over n = 1 … 4 of the clipped cosine of weighted n-grams · exp(-Δ² / 72)",
    source=f"Vedantam et al. 2015, CIDEr; document frequencies of the references that are scored; {_SAME}",
    bounds=(0.0, 10.0),
    score_interval=False,
)
spice = MetricMaker(
    "spice",
    description="Objects, attributes and relations in common with the references. Needs Java, the extra coco and the Stanford "
    "models that it reads.",
    columns=("spice", ONES),
    formula="mean over images of the F1 of tuples",
    source="Anderson et al. 2016, SPICE 1.0 as in pycocoevalcap 1.2",
)


def caption_metrics(*, with_meteor: bool = False, with_spice: bool = False) -> list[Metric]:
    """Make BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D, over the columns that `caption_columns` makes.

    Args:
        with_meteor: Also METEOR, for tables that have the columns of `meteor_columns`.
        with_spice: Also SPICE, for tables that have the columns of `spice_columns`.

    Example:
        >>> [str(metric.id) for metric in caption_metrics()]
        ['bleu@1', 'bleu@2', 'bleu@3', 'bleu@4', 'rouge_l', 'cider_d']
    """
    metrics = [*(bleu(k=order) for order in range(1, ORDERS + 1)), rouge_l(), cider_d()]
    return [*metrics, *([meteor()] if with_meteor else []), *([spice()] if with_spice else [])]
