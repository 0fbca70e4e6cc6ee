"""The prompts of lettered options. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from mmbench.core import Prompt, PromptBook

PROMPTS = PromptBook(
    (
        Prompt(
            name="option-letter-v1",
            alias="direct",
            templates={
                "options": "{context}{question}\n{options}\n\nAnswer with the option's letter from the given choices directly.",
                "open": "{context}{question}\n\nAnswer the question using a single word or phrase.",
            },
            max_new_tokens=32,
        ),
        Prompt(
            name="options-only-v1",
            templates={"options": "{context}{question}\n{options}", "open": "{context}{question}"},
            max_new_tokens=64,
        ),
        Prompt(
            name="option-reasoning-v1",
            alias="cot",
            templates={
                "options": "{context}{question}\n{options}\n\nThink first. Then write a last line that begins with 'Answer:' and holds the "
                "letter of one option.",
                "open": "{context}{question}\n\nThink first. Then write a last line that begins with 'Answer:' and holds a single word, "
                "number or phrase.",
            },
            max_new_tokens=1024,
        ),
    ),
    fields={"options": ("context", "question", "options"), "open": ("context", "question")},
    needed=("question",),
)
"""The family's prompts; ``open`` is the case of a question without options."""


def lettered(options: Sequence[str]) -> str:
    r"""Options with their letters, one a line.

    >>> lettered(("a cat", "a dog"))
    'A. a cat\nB. a dog'
    """
    return "\n".join(f"{letter}. {option}" for letter, option in zip(ascii_uppercase, options, strict=False))


def rendered(prompt: Prompt, question: str, options: Sequence[str], hint: str, *, listed: bool = True) -> str:
    """The text for one question, with the marks of its images; options that are not `listed` stand elsewhere."""
    context = f"Context: {hint}\n" if hint else ""
    if options:
        return prompt.render("options", context=context, question=question, options=lettered(options) if listed else "")
    return prompt.render("open", context=context, question=question)
