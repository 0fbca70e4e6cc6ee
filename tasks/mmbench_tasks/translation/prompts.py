"""The prompts of translation. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from mmbench.core import Prompt, PromptBook

PROMPTS = PromptBook(
    (
        Prompt(
            name="translate-v1",
            templates={
                "": "Translate this description of the image from {source} into {target}. Answer with the translation alone.\n{text}"
            },
            max_new_tokens=128,
        ),
        Prompt(
            name="translate-text-v1",
            templates={"": "Translate from {source} into {target}. Answer with the translation alone.\n{text}"},
            max_new_tokens=128,
        ),
    ),
    fields={"text": ("source", "target", "text")},
    needed=("text",),
)
"""The family's prompts."""
