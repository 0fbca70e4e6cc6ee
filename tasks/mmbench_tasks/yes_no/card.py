"""What a dataset of the family `yes-no` declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmbench.core import DatasetCard

YES, NO = "yes", "no"
MEANS: Mapping[str, str] = {"yes": YES, "true": YES, "1": YES, "no": NO, "false": NO, "0": NO}
"""What right answers are called in data, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YesNoCard(DatasetCard):
    """A dataset of questions with the answers yes and no; its source gives rows of `mmbench_tasks.questions.question_rows`."""

    prompt: str = "yes-or-no-v1"
    """Name of a prompt in `mmbench_tasks.yes_no.prompts.PROMPTS`."""
    metrics: tuple[str, ...] = (
        "accuracy",
        "f1(positive=yes)",
        "precision(positive=yes)",
        "recall(positive=yes)",
        "predicted_rate(positive=yes)",
    )
    """Ids of the metrics, all of which stand in the main table."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Unit of a table of groups to the fact of a row that names its group; see `mmbench.metrics.group_table`."""
