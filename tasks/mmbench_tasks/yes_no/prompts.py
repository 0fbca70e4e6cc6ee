"""The prompts of yes and no. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from mmbench.core import Prompt, PromptBook

PROMPTS = PromptBook(
    (
        Prompt(name="yes-or-no-v1", alias="direct", templates={"": "{question}\nAnswer yes or no."}, max_new_tokens=16),
        Prompt(
            name="short-phrase-v1",
            templates={"": "{question}\nAnswer the question using a single word or phrase."},
            max_new_tokens=16,
        ),
        Prompt(name="question-only-v1", templates={"": "{question}"}, max_new_tokens=16),
        Prompt(
            name="true-statement-v1",
            templates={"": "Is this statement about the images true? {question}\nAnswer yes or no."},
            max_new_tokens=16,
        ),
        Prompt(
            name="hateful-v1",
            templates={
                "": 'This is an image with the text "{question}". Is it hateful towards a person or a group?\nAnswer yes or no.'
            },
            max_new_tokens=16,
        ),
    ),
    fields={"question": ("question",)},
    needed=("question",),
)
"""The family's prompts."""
