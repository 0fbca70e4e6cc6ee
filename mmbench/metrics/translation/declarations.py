"""The metrics of translations, made from the columns of a table. Their ids are the signatures of sacreBLEU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench.metrics.declare import metric
from mmbench.metrics.translation.columns import BETA, CHARACTERS, WORDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SAME = "values equal to sacreBLEU 2.6 (Post 2018)"


@metric(
    "sacrebleu(case=mixed|lc,eff=no,nrefs=…,smooth=exp,tok=13a)",
    columns=("bleu_counts",),
    formula="(p1 · p2 · p3 · p4)^(1/4) · min(1, exp(1 - r / c)) of the sums over the corpus",
    source=f"Papineni et al. 2002, BLEU; {_SAME}",
)
def sacrebleu(sums: Floats) -> Floats:
    r"""How many of the translations' n-grams, up to four words, stand in the references, over the whole corpus.

    .. math:: \Big(\prod_{n \le 4} p_n\Big)^{1/4} \min(1, e^{1 - r/c})

    p_n is the share of n-grams that match; where none does it is 1 over 2, 4, 8, … times their number. Nothing matching at all,
    or no n-gram of four words, is worth 0.

    Args:
        sums: float64 [..., 10]: the column ``bleu_counts`` of `mmbench.metrics.translation.columns.translation_columns`.

    Returns:
        float64 [...] in [0, 1].

    Example:
        >>> import numpy as np
        >>> rows = np.array([[3.0, 2.0, 1.0, 0.0, 4.0, 3.0, 2.0, 1.0, 4.0, 4.0]])
        >>> sacrebleu(case="mixed", eff="no", nrefs=1, smooth="exp", tok="13a").formula(rows).round(6).tolist()
        [0.594604]
    """
    import numpy as np

    matches, totals = sums[..., :WORDS], sums[..., WORDS : 2 * WORDS]
    length, wanted = sums[..., -2], sums[..., -1]
    halvings = np.cumsum(matches == 0, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = np.where(matches > 0, matches, 0.5**halvings) / totals
        brevity = np.where(length < wanted, np.exp(1 - wanted / length), 1.0)
        score = np.exp(np.log(precisions).mean(axis=-1)) * brevity
    return np.where((matches.sum(axis=-1) > 0) & (totals > 0).all(axis=-1), np.nan_to_num(score), 0.0)


@metric(
    "chrf(case=mixed|lc,eff=yes,nc=6,nrefs=…,nw=0,space=no)",
    columns=("chrf_counts",),
    formula="5 P R / (4 P + R), P and R the means over 1 to 6 characters, of the sums over the corpus",
    source=f"Popović 2015, chrF; {_SAME}",
)
def chrf(sums: Floats) -> Floats:
    r"""F-score of n-grams of one to six characters, recall twice as important as precision, over the whole corpus.

    .. math:: (1 + \beta^2) \frac{P R}{\beta^2 P + R}, \quad \beta = 2

    P and R are means over the lengths of n-grams that occur on both sides.

    Args:
        sums: float64 [..., 18]: the column ``chrf_counts`` of `mmbench.metrics.translation.columns.translation_columns`.

    Returns:
        float64 [...] in [0, 1].

    Example:
        >>> import numpy as np
        >>> rows = np.array([[4.0, 4.0, 4.0] + [3.0, 3.0, 0.0] + [0.0] * 12])
        >>> chrf(case="mixed", eff="yes", nc=6, nrefs=1, nw=0, space="no").formula(rows).tolist()
        [0.5]
    """
    import numpy as np

    given, wanted, both = (sums[..., place : 3 * CHARACTERS : 3] for place in range(3))
    known = (given > 0) & (wanted > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        orders = known.sum(axis=-1)
        precision = np.where(known, both / given, 0.0).sum(axis=-1) / orders
        recall = np.where(known, both / wanted, 0.0).sum(axis=-1) / orders
        score = (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)
    return np.asarray(np.nan_to_num(score))
