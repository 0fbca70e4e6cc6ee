"""The prompts of captions. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from mmbench.core import Prompt, PromptBook

PROMPTS = PromptBook(
    (
        Prompt(
            name="one-sentence-v1",
            templates={"text": "Describe the picture in one short sentence."},
            max_new_tokens=48,
        ),
        Prompt(
            name="shapes-v1",
            templates={
                "text": "Describe the picture in one short sentence: name the colour of every shape, and say in which order the "
                "shapes stand from left to right or from top to bottom."
            },
            max_new_tokens=48,
        ),
        Prompt(name="caption-v1", templates={"text": "a caption of the picture:"}, max_new_tokens=48),
    ),
    fields={"text": ()},
)
"""The family's prompts. The image stands before the text."""
