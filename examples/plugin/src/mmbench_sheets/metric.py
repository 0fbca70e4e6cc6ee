"""``auroc``: a metric that is not a mean of scores."""

from mmbench.metrics import metric


@metric(
    "auroc",
    columns=("score", "label"),
    formula="share of (damaged, intact) pairs in which the damaged sheet has the higher score; a tie counts half",
    source="Hanley and McNeil, The meaning and use of the area under a ROC curve, Radiology 1982",
)
def auroc(rows, weights):
    r"""Area under the receiver operating characteristic.

    .. math:: P(s_+ > s_-) + P(s_+ = s_-) / 2

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
    with np.errstate(invalid="ignore"):
        return (positive * (below + negative / 2)).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
