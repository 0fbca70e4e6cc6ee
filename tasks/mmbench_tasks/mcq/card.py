"""What a dataset of the family `mcq` declares."""

from __future__ import annotations

from dataclasses import dataclass

from mmbench.core import DatasetCard


@dataclass(frozen=True, slots=True, kw_only=True)
class McqCard(DatasetCard):
    """A dataset of questions with options; its source gives rows of `mmbench_tasks.questions.question_rows`.

    Facts of a row that the task knows: ``hint`` (a text before the question), ``circle`` (the question of which the row is a rotation),
    ``first`` (``true`` for the rotation in the original order), and those of the rule.
    """

    prompt: str = "option-letter-v1"
    """Name of a prompt in `mmbench_tasks.mcq.prompts.PROMPTS`."""
    rule: str = "extractor"
    """How an answer is read and judged: a key of `mmbench_tasks.mcq.rules.RULES`."""
    open_questions: bool = False
    """Whether some questions have no options."""
    listed: bool = True
    """Whether options are listed behind the question; False where they stand in it, or in the image."""
    predicted_is: str = "text"
    """What the official result file has: ``text``, or ``index`` for the place of an option, from 0."""
    judged: bool = False
    """Whether the published numbers ask a language model what was answered; the ids of metrics then say extraction=rules."""
    circular: bool = False
    """Whether rows are rotations of questions that count only together."""
