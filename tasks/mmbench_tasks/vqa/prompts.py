"""Versioned prompts. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that puts a question to a model. Templates hold ``{question}``, and ``{choices}`` where there are any."""

    name: str
    """Name, which ends in its version."""
    open: str
    """Template for a question that any text may answer."""
    closed: str
    """Template for a question with a closed set of answers."""
    max_new_tokens: int = 16
    """How much a model may write."""

    def render(self, question: str, choices: Sequence[str] | None) -> str:
        r"""The text for one question.

        >>> PROMPTS["short-answer-v1"].render("Is it red?", ("no", "yes"))
        'Is it red?\nAnswer with one of: no, yes.'
        """
        return _render(self, question, None if choices is None else tuple(choices))

    def __str__(self) -> str:
        return f"{self.name}: {self.open!r}, or with a closed set of answers {self.closed!r}"


@lru_cache(maxsize=4096)
def _render(prompt: Prompt, question: str, choices: tuple[str, ...] | None) -> str:
    """Cached, because the same question is put to many pictures."""
    if choices is None:
        return prompt.open.format(question=question)
    return prompt.closed.format(question=question, choices=", ".join(choices))


PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            name="short-answer-v1",
            open="{question}\nAnswer with a single word or phrase.",
            closed="{question}\nAnswer with one of: {choices}.",
        ),
        Prompt(name="question-only-v1", open="{question}", closed="{question}"),
        Prompt(
            name="final-answer-v1",
            open="{question}\nThink first. Then write a last line that begins with 'Answer:' and holds a single word or phrase.",
            closed="{question}\nThink first. Then write a last line that begins with 'Answer:' and holds one of: {choices}.",
            max_new_tokens=512,
        ),
    )
}
"""Prompt by name."""
