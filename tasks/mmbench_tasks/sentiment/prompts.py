"""Versioned prompts. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmbench_tasks.sentiment.card import Target

_SCALE = "-3 is strongly negative, -2 negative, -1 weakly negative, 0 neutral, 1 weakly positive, 2 positive and 3 strongly positive"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that asks how somebody feels. Templates hold ``{text}``, what was said; ``{classes}`` for a class."""

    name: str
    """Name, which ends in its version."""
    for_class: str
    """Template that asks for one of the classes."""
    for_score: str
    """Template that asks for a number from -3 to 3."""
    extractors: tuple[str, str]
    """Names of the extractors that go with it: of a class, and of a number."""
    max_new_tokens: int = 16
    """How much a model may write."""

    def render(self, target: Target, text: str, classes: Sequence[str]) -> str:
        r"""The text for one utterance.

        >>> PROMPTS["speaker-v1"].render("class", "I love it.", ("negative", "positive"))
        '"I love it."\nHow does the person who says this feel? Answer with one of: negative, positive.'
        """
        if target == "score":
            return self.for_score.format(text=text)
        return self.for_class.format(text=text, classes=", ".join(classes))

    def said(self, target: Target) -> str:
        """Name and template, as a task states them."""
        return f"{self.name}: {self.for_score if target == 'score' else self.for_class!r}"


PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            name="speaker-v1",
            for_class='"{text}"\nHow does the person who says this feel? Answer with one of: {classes}.',
            for_score=f'"{{text}}"\nHow does the person who says this feel? Answer with a number from -3 to 3: {_SCALE}.',
            extractors=("exact", "number"),
        ),
        Prompt(
            name="speaker-final-v1",
            for_class='"{text}"\nHow does the person who says this feel? Think first. Then write a last line that begins with '
            "'Answer:' and holds one of: {classes}.",
            for_score='"{text}"\nHow does the person who says this feel? Think first. Then write a last line that begins with '
            f"'Answer:' and holds a number from -3 to 3: {_SCALE}.",
            extractors=("final-answer", "final-number"),
            max_new_tokens=512,
        ),
    )
}
"""Prompt by name."""
