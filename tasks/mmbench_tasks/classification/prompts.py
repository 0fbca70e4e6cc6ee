"""What is asked about a class. A prompt that has been used in a release is never changed: a new wording gets a new name."""

from __future__ import annotations

from collections.abc import Mapping

from mmbench.core import Prompt, PromptBook, UsageError

PROMPTS = PromptBook(
    (
        Prompt(
            name="class-v1",
            templates={
                "one": "{text}What does the image show? Answer with one of: {classes}.",
                "several": "{text}Which of these fit: {classes}? Answer with all that fit, separated by commas.",
            },
            max_new_tokens=48,
        ),
    ),
    fields={"one": ("text", "classes"), "several": ("text", "classes")},
    needed=("classes",),
)
"""The family's prompts."""

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "photo": ("a photo of a {}.",),
    "bare": ("{}",),
    "clip-7": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    ),
}
"""Name to the texts that a class is embedded with, their mean counts. ``clip-7``: the seven of CLIP's notebook for ImageNet."""


def templates_named(value: str) -> tuple[str, ...]:
    """The templates of a name, or those that are written out, separated by bars.

    Args:
        value: A key of `TEMPLATES`, or texts with ``{}`` in the place of the class.

    Raises:
        UsageError: If a text has no place for the class.

    Example:
        >>> templates_named("a sketch of a {}|a {}")
        ('a sketch of a {}', 'a {}')
    """
    if value in TEMPLATES:
        return TEMPLATES[value]
    found = tuple(each.strip() for each in value.split("|"))
    if any(each.count("{}") != 1 for each in found):
        raise UsageError(
            f"templates={value}: expected one of {', '.join(TEMPLATES)}, or texts with {{}} for the class, separated by |"
        )
    return found
