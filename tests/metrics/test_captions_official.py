"""Caption scores beside those of pycocoevalcap, live: the same of every image, and of the corpus."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mmbench.metrics import caption_metrics, tokenised_columns

official_bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason="pip install 'mmbench[coco]'")
official_cider = pytest.importorskip("pycocoevalcap.cider.cider")
official_rouge = pytest.importorskip("pycocoevalcap.rouge.rouge")

# A no-break space within a token parts it for BLEU and CIDEr, not for ROUGE; so do other kinds of white space.
WORDS = ["a", "b", "cat", "25\u00a01/2", "é", "\u2003", "x\x85y", ""]
caption = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
corpus = st.lists(st.tuples(caption, st.lists(caption, min_size=1, max_size=4)), min_size=1, max_size=6)


def official(candidates, references):
    """Per image and of the corpus: BLEU-1 … BLEU-4, ROUGE-L, CIDEr."""
    wanted = {number: list(texts) for number, texts in enumerate(references)}
    given_ = {number: [text] for number, text in enumerate(candidates)}
    bleus, bleus_each = official_bleu.Bleu(4).compute_score(wanted, given_, verbose=0)
    rouge, rouge_each = official_rouge.Rouge().compute_score(wanted, given_)
    cider, cider_each = official_cider.Cider().compute_score(wanted, given_)
    return np.array([*bleus_each, rouge_each, cider_each]), np.array([*bleus, rouge, cider])


def check(candidates, references):
    columns = tokenised_columns(candidates, references)
    each, whole = official(candidates, references)
    for row, metric in enumerate(caption_metrics()):
        rows = np.column_stack([np.ones(len(candidates)) if name == "1" else columns[name] for name in metric.columns])
        np.testing.assert_allclose(metric.formula(rows), each[row], rtol=0, atol=1e-9)
        np.testing.assert_allclose(metric.formula(rows.sum(axis=0)), whole[row], rtol=0, atol=1e-9)


@pytest.mark.slow
@given(corpus)
@example([("", [""]), ("a", ["a"])])
@example([("25\u00a01/2 cat", ["25 1/2 cat"]), ("cat", ["25\u00a01/2 cat", "a"])])
@example([("a b", ["a b"]), ("a b", ["a b"])])  # everything in every document: weights of exactly 0
def test_every_image_and_the_corpus_as_the_official_scorer(images):
    candidates, references = zip(*images, strict=True)
    assume(any(text.split() for texts in references for text in texts))  # the official CIDEr fails without a word
    check(candidates, references)


def test_captions_longer_than_a_machine_word():
    source = np.random.default_rng(4)

    def one(length):
        return " ".join(source.choice(["a", "b", "c", "d", "e"], length))

    check([one(n) for n in (3, 64, 65, 150)], [[one(n) for n in (10, 70, 130)] for _ in range(4)])
