"""Recognise files that hold what a model answered, and not what it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_ASKED = frozenset(("question", "sentence", "utterance", "captions", "choices", "options"))
_TOLD = frozenset((
    "prediction", "predictions", "pred", "pred_answer", "predicted", "model_id", "answer_id", "model_prediction", "correct", "resps",
    "filtered_resps", "output", "outputs", "response", "results",
))  # fmt: skip
_SAID = frozenset(("answer", "caption", "text"))
_IDS = frozenset(("question_id", "image_id", "image", "id", "index"))
_KEYS = frozenset(("ground_truth", "gt_answer"))

SCORE = "mmbench score --task CARD --predictions FILE"
"""How such a file is used."""


def looks_like_results(names: Iterable[str]) -> str:
    """What rows with these fields are, where they cannot be asked; empty where nothing tells.

    Args:
        names: The fields.

    >>> looks_like_results(["question_id", "answer"])
    'it looks like the answers of a model; to score them: mmbench score --task CARD --predictions FILE'
    >>> looks_like_results(["question", "answer"])
    ''
    """
    fields = frozenset(names)
    if fields & _ASKED:
        return ""
    if fields & _KEYS and not fields & _TOLD:
        return f"it looks like right answers without their questions; to score with them: {SCORE} --references THIS"
    if fields & _TOLD or (fields & _SAID and fields <= _SAID | _IDS):
        return f"it looks like the answers of a model; to score them: {SCORE}"
    return ""


def object_of_results(value: dict[str, Any]) -> str:
    """What an object is that holds no rows, as in `looks_like_results`."""
    if len(value) > 1 and all(isinstance(each, str | int | float) for each in value.values()):
        return f"an object of id to answer looks like the answers of a model; to score them: {SCORE}"
    return looks_like_results(value) if set(value) & _TOLD else ""
