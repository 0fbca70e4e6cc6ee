"""The prompts of questions. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core import Prompt, PromptBook

PROMPTS = PromptBook(
    (
        Prompt(
            name="short-answer-v1",
            alias="direct",
            templates={
                "open": "{question}\nAnswer with a single word or phrase.",
                "closed": "{question}\nAnswer with one of: {choices}.",
            },
        ),
        Prompt(name="question-only-v1", templates={"open": "{question}", "closed": "{question}"}),
        Prompt(
            name="short-phrase-v1",
            templates={"": "{question}\nAnswer the question using a single word or phrase."},
        ),
        Prompt(
            name="short-phrase-or-unanswerable-v1",
            templates={
                "": "{question}\nWhen the provided information is insufficient, respond with 'Unanswerable'.\n"
                "Answer the question using a single word or phrase."
            },
        ),
        Prompt(name="single-word-v1", templates={"": "{question}\nAnswer the question with a single word."}),
        Prompt(
            name="final-answer-v1",
            alias="cot",
            templates={
                "open": "{question}\nThink first. Then write a last line that begins with 'Answer:' and holds a single word or phrase.",
                "closed": "{question}\nThink first. Then write a last line that begins with 'Answer:' and holds one of: {choices}.",
            },
            max_new_tokens=512,
            extractors={"": "final-answer"},
        ),
    ),
    fields={"open": ("question",), "closed": ("question", "choices")},
    needed=("question",),
)
"""The family's prompts; ``closed`` is the case of a question with a closed set of answers."""


def rendered(prompt: Prompt, question: str, choices: Sequence[str] | None) -> str:
    r"""The text for one question.

    >>> rendered(PROMPTS.find("direct"), "Is it red?", ("no", "yes"))
    'Is it red?\nAnswer with one of: no, yes.'
    """
    if choices is None:
        return prompt.render("open", question=question)
    return prompt.render("closed", question=question, choices=", ".join(choices))


def stated(prompt: Prompt) -> str:
    """Name, templates, system text and number of examples, as a task states them."""
    both = [prompt.templates.get(case) or prompt.templates.get("") for case in ("open", "closed")]
    return prompt.stated(f"{both[0]!r}, or with a closed set of answers {both[1]!r}")
