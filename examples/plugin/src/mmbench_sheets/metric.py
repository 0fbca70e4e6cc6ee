"""``somers_d``: a metric that is not a mean of scores."""

from mmbench.metrics import metric


@metric(
    "somers_d",
    columns=("score", "label"),
    formula="share of (damaged, intact) pairs in which the damaged sheet has the higher score, less the share in which it has the lower",
    source="Somers, A new asymmetric measure of association for ordinal variables, American Sociological Review 1962",
    bounds=(-1.0, 1.0),
)
def somers_d(rows, weights):
    r"""How much more often a damaged sheet scores above an intact one than below it: Somers' D of the score on the label.

    .. math:: P(s_+ > s_-) - P(s_+ < s_-)

    Args:
        rows: float64 [n, 2], score and label (1 or 0) of each sample.
        weights: float64 [b, n], how often each sample counts.

    Returns:
        float64 [b]; NaN where only one label occurs.
    """
    import numpy as np

    order = np.argsort(rows[:, 0], kind="stable")
    scores, labels, counts = rows[order, 0], rows[order, 1], weights[:, order]
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    positive = np.add.reduceat(counts * labels, starts, axis=1)
    negative = np.add.reduceat(counts * (1 - labels), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    above = negative.sum(axis=1, keepdims=True) - below - negative
    with np.errstate(invalid="ignore"):
        return (positive * (below - above)).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
