"""The prompts of sentiment. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from mmbench.core import Prompt, PromptBook

_SCALE = "-3 is strongly negative, -2 negative, -1 weakly negative, 0 neutral, 1 weakly positive, 2 positive and 3 strongly positive"

PROMPTS = PromptBook(
    (
        Prompt(
            name="speaker-v1",
            alias="direct",
            templates={
                "class": '"{text}"\nHow does the person who says this feel? Answer with one of: {classes}.',
                "score": f'"{{text}}"\nHow does the person who says this feel? Answer with a number from -3 to 3: {_SCALE}.',
            },
            extractors={"class": "exact", "score": "number"},
        ),
        Prompt(
            name="speaker-final-v1",
            alias="cot",
            templates={
                "class": '"{text}"\nHow does the person who says this feel? Think first. Then write a last line that begins with '
                "'Answer:' and holds one of: {classes}.",
                "score": '"{text}"\nHow does the person who says this feel? Think first. Then write a last line that begins with '
                f"'Answer:' and holds a number from -3 to 3: {_SCALE}.",
            },
            extractors={"class": "final-answer", "score": "final-number"},
            max_new_tokens=512,
        ),
    ),
    fields={"class": ("text", "classes"), "score": ("text",)},
    needed=("text",),
)
"""The family's prompts: what asks for one of the classes, and what asks for a number from -3 to 3."""
