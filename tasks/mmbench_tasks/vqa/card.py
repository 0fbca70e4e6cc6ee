"""What a dataset of the family `vqa` declares."""

from __future__ import annotations

from dataclasses import dataclass

from mmbench.core import DatasetCard

ANY = "any"
"""The variant of data whose answers are all right: an answer is right when it equals any of them."""
ANNOTATORS = 10
"""People who answer each question in the datasets of the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VqaCard(DatasetCard):
    """A dataset of questions about images; its source gives rows such as `mmbench.data.Question`."""

    prompt: str = "short-answer-v1"
    """Name of a prompt in `mmbench_tasks.vqa.prompts.PROMPTS`."""
    extractor: str = ""
    """Name of a registered extractor (`mmbench list extractors`); empty: ``exact``, or ``verbatim`` where a
    variant of VQA accuracy compares open answers in a way of its own."""
    variant: str = ANY
    """``any``, or a key of `mmbench_tasks.vqa.variants.VARIANTS`: where several people answered each question one of
    `mmbench.metrics.VQA_VARIANTS`, or the rule of a benchmark."""
    doubt: str = ""
    """What must be known beside the values where no other variant is chosen; empty: nothing."""
    closed_answers: bool = False
    """Whether every question has a closed set of answers."""
    open_answers: bool = False
    """Whether no question is known to have one."""
    remark: str = ""
    """What must be known of the data beside any value; empty: nothing."""
