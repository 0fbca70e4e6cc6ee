"""Say why the scores of captions are lower than those in papers: few images, and languages that write no spaces."""

from __future__ import annotations

import re
from collections.abc import Sequence

FEW_IMAGES = 100
"""With the references of fewer images than this, CIDEr-D has few n-grams that few images share."""
_ORDERS = 4
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{4}")
"""Four characters in a row of a script that writes no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""


def caption_remarks(candidates: Sequence[str | None], references: Sequence[Sequence[str]]) -> dict[str, str]:
    """What must be known to read the scores of captions.

    CIDEr-D weighs an n-gram by the logarithm of the number of images over those that have it. With one image, or where every n-gram
    stands in the references of every image, all weights are log 1 = 0. With few images many are, and the others are small.

    All scores compare what stands between spaces, so that a caption without spaces is one word.

    Args:
        candidates: As in `mmbench.metrics.captions.columns.caption_columns`.
        references: Likewise.

    Returns:
        Name of a column to a sentence, for `ScoreTable.remarks`; empty where nothing must be said.

    Example:
        >>> sorted(caption_remarks(["a dog"], [["a dog"]]))
        ['cider_d']
    """
    found: dict[str, list[str]] = {}
    if (cider := _about_documents(references)) is not None:
        found.setdefault("cider_d", []).append(cider)
    given = [text for text in candidates if text] + [text for texts in references for text in texts]
    unspaced = sum(_UNSPACED.search(text) is not None for text in given)
    if 2 * unspaced > len(given):
        text = (
            f"{unspaced:,} of {len(given):,} captions are in a script without spaces between words, and what stands between spaces counts "
            "as one word, as in the official scorer: put spaces between the words of captions and references for values that mean something"
        )
        for column in ("bleu", "rouge_l", "cider_d"):
            found.setdefault(column, []).append(text)
    return {column: "; ".join(texts) for column, texts in found.items()}


def _about_documents(references: Sequence[Sequence[str]]) -> str | None:
    """What the number of images does to CIDEr-D."""
    why = "it weighs n-grams by how few images have them"
    if len(references) == 1:
        return f"cider_d is 0 by definition over the references of a single image: {why}"
    if not references or len(references) >= FEW_IMAGES:
        return None
    from mmbench.metrics.captions.tokenize import tokenize_captions

    first = _ngrams(tokenize_captions(references[0]))
    if all(_ngrams(tokenize_captions(texts)) == first for texts in references[1:]):
        return f"cider_d is 0 by definition where every n-gram stands in the references of every image: {why}"
    return (
        f"cider_d is over the references of {len(references):,} images: {why}, so what many of these few share counts little or nothing, "
        "and the value is no measure beside those of a whole test split"
    )


def _ngrams(lines: Sequence[str]) -> set[tuple[str, ...]]:
    words = [line.split() for line in lines]
    return {
        tuple(each[place : place + order])
        for each in words
        for order in range(1, _ORDERS + 1)
        for place in range(len(each) - order + 1)
    }
