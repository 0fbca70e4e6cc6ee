"""Versioned prompts. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that asks for a caption; the picture stands before it."""

    name: str
    """Name, which ends in its version."""
    text: str
    """What is said to the model."""
    max_new_tokens: int = 48
    """How much a model may write."""

    def __str__(self) -> str:
        return f"{self.name}: {self.text!r}"


PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt("one-sentence-v1", "Describe the picture in one short sentence."),
        Prompt(
            "shapes-v1",
            "Describe the picture in one short sentence: name the colour of every shape, and say in which order the "
            "shapes stand from left to right or from top to bottom.",
        ),
        Prompt("caption-v1", "a caption of the picture:"),
    )
}
"""Prompt by name."""
