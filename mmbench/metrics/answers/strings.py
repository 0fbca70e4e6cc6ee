"""Official comparisons of short answers as strings: GQA, RealWorldQA, A-OKVQA's direct answers, OCRBench."""

from __future__ import annotations

from collections.abc import Sequence

UNFOLDED = "HME100k"
"""The part of OCRBench whose formulas are compared with case and without blanks."""


def gqa_match(answer: str, references: Sequence[str]) -> bool:
    """Say whether an answer equals a reference after a stop at its end is dropped and in lower case.

    Args:
        answer: The answer.
        references: What the official file has under ``answer``; any of them will do.

    Returns:
        Whether one is equal. Source: the conversion of LLaVA's evaluation of GQA, then the equality of ``eval.py``.

    Example:
        >>> gqa_match("Left.", ["left"]), gqa_match("to the left", ["left"])
        (True, False)
    """
    return answer.strip().rstrip(".").lower() in references


def realworldqa_match(answer: str, references: Sequence[str]) -> bool:
    """Say whether an answer equals a reference but for case, blanks at the ends and a stop at the end.

    Args:
        answer: The answer.
        references: Any of them will do.

    Returns:
        Whether one is equal. Source: the processing of RealWorldQA in lmms-eval.

    Example:
        >>> realworldqa_match("A.", ["a"]), realworldqa_match("A. The car", ["A"])
        (True, False)
    """
    return answer.lower().strip().rstrip(".") in {reference.lower().strip() for reference in references}


def direct_answer_score(answer: str, references: Sequence[str]) -> float:
    """Score a direct answer to a question of A-OKVQA: a third for each person who said exactly this, at most 1.

    Nobody is left out and nothing is normalised.

    Args:
        answer: The answer.
        references: What ten people said.

    Returns:
        The score in [0, 1]. Source: ``eval_predictions.py`` of github.com/allenai/aokvqa.

    Example:
        >>> direct_answer_score("surfing", ["surfing", "surfing", "surf"])
        0.6666666666666666
    """
    return min(1.0, list(references).count(answer) / 3)


def ocrbench_match(answer: str, references: Sequence[str], *, part: str = "") -> bool:
    """Say whether a reference of OCRBench stands in an answer.

    Case does not matter, and a line break is a blank; in the part HME100k (formulas) case matters and blanks do not.

    Args:
        answer: The answer.
        references: Any of them will do.
        part: What the official file has under ``dataset`` or ``dataset_name``.

    Returns:
        Whether one stands in it. Source: ``example.py`` of github.com/Yuliang-Liu/MultimodalOCR.

    Example:
        >>> ocrbench_match("The word is CENTRE.", ["centre"]), ocrbench_match("x ^ 2", ["x^2"], part="HME100k")
        (True, True)
    """
    if part == UNFOLDED:
        text = answer.strip().replace("\n", " ").replace(" ", "")
        return any(reference.strip().replace("\n", " ").replace(" ", "") in text for reference in references)
    text = answer.lower().strip().replace("\n", " ")
    return any(reference.lower().strip().replace("\n", " ") in text for reference in references)
