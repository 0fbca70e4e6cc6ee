"""The scores of MME: over its tasks, the sum of accuracy and accuracy+ in per cent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmbench.metrics.declare import metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PERCEPTION = (
    *("existence", "count", "position", "color", "posters", "celebrity"),
    *("scene", "landmark", "artwork", "OCR"),
)
"""The tasks of perception."""
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
"""The tasks of cognition."""
TASKS = (*PERCEPTION, *COGNITION)
"""All of them; the columns have their order."""
COLUMNS = ("mme_right", "mme_questions", "mme_both", "mme_images")
"""The columns of `mme_columns`."""
_FORMULA = "sum over tasks of 100 · (right / questions + images with both right / images)"
_SOURCE = "Fu et al. 2023, MME; its script calculation.py"


def mme_columns(tasks: Sequence[str], right: Sequence[float], both: Sequence[float]) -> dict[str, Floats]:
    """Count what each image adds to the counts of its task.

    Args:
        tasks: [n] the task of each image, one of `TASKS`.
        right: [n] how many of its two questions are answered right.
        both: [n] 1 where both are.

    Returns:
        `COLUMNS`, each float64 [n, 14].

    Raises:
        ValueError: If there is no such task.

    Example:
        >>> columns = mme_columns(["OCR"], [1.0], [0.0])
        >>> columns["mme_right"].sum(), columns["mme_questions"].sum(), columns["mme_both"].sum()
        (np.float64(1.0), np.float64(2.0), np.float64(0.0))
    """
    import numpy as np

    place = np.array([TASKS.index(task) for task in tasks], dtype=np.int64)
    rows = np.arange(len(place))
    values = (right, np.full(len(place), 2.0), both, np.ones(len(place)))
    columns = {}
    for name, each in zip(COLUMNS, values, strict=True):
        columns[name] = np.zeros((len(place), len(TASKS)))
        columns[name][rows, place] = np.asarray(each, dtype=np.float64)
    return columns


def _score(sums: Floats, first: int, last: int) -> Floats:
    import numpy as np

    right, questions, both, images = (part[..., first:last] for part in np.split(sums, 4, axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(100 * (right / questions + both / images).sum(axis=-1))


def _lacking(sums: Floats) -> str:
    import numpy as np

    images = np.split(sums, 4, axis=-1)[3]
    lacking = [task for task, count in zip(TASKS, images, strict=True) if not count]
    return f"no image of {', '.join(lacking)}"


@metric(
    "mme_perception",
    columns=COLUMNS,
    formula=_FORMULA,
    source=_SOURCE,
    unit="image",
    bounds=(0.0, 2000.0),
    scale=1.0,
    undefined=_lacking,
)
def mme_perception(sums: Floats) -> Floats:
    """Score of the ten tasks of perception: 100 times accuracy and accuracy+, summed.

    Args:
        sums: float64 [..., 56]: right answers, questions, images with both right, and images, of 14 tasks each.

    Returns:
        float64 [...] in [0, 2000]; NaN where a task has no image.

    Example:
        >>> import numpy as np
        >>> one_wrong = np.concatenate([np.full(14, 3.0), np.full(14, 4.0), np.full(14, 1.0), np.full(14, 2.0)])
        >>> mme_perception().formula(one_wrong).item()
        1250.0
    """
    return _score(sums, 0, len(PERCEPTION))


@metric(
    "mme_cognition",
    columns=COLUMNS,
    formula=_FORMULA,
    source=_SOURCE,
    unit="image",
    bounds=(0.0, 800.0),
    scale=1.0,
    undefined=_lacking,
)
def mme_cognition(sums: Floats) -> Floats:
    """Score of the four tasks of cognition: 100 times accuracy and accuracy+, summed.

    Args:
        sums: As for `mme_perception`.

    Returns:
        float64 [...] in [0, 800]; NaN where a task has no image.

    Example:
        >>> import numpy as np
        >>> all_right = np.concatenate([np.full(14, 4.0), np.full(14, 4.0), np.full(14, 2.0), np.full(14, 2.0)])
        >>> mme_cognition().formula(all_right).item()
        800.0
    """
    return _score(sums, len(PERCEPTION), len(TASKS))
