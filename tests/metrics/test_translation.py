"""BLEU and chrF of translations: the package sacrebleu says the same, on any text."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from mmbench.core import ScoreTable
from mmbench.metrics import chrf, sacrebleu, tokenize_13a, translation_columns
from mmbench.metrics.evaluate import evaluate

PIECES = (
    "Ein Mann", "ein rotes Auto", "3-4", "1,000.50", "U.S.A.", "(und)", "&quot;Hallo&quot;", "it's", "größer", "…", "a-\nb", "%", "x/y", ".", ",", "", "–", "1."
)  # fmt: skip


def corpus(seed, n, k):
    draw = random.Random(seed)

    def text():
        return " ".join(draw.choices(PIECES, k=draw.randint(1, 9)))

    references = [[text() for _ in range(k)] for _ in range(n)]
    translations = [draw.choice([*each, text(), ""]) + draw.choice(["", " Mann"]) for each in references]
    return translations, references


def values(translations, references, *, lower=False):
    columns = translation_columns(translations, references, lower=lower)
    ids = [str(row) for row in range(len(translations))]
    table = ScoreTable("sample", ids, ids, ["scored"] * len(ids), columns)
    shared = {"case": "lc" if lower else "mixed", "nrefs": len(references[0])}
    return (
        evaluate(sacrebleu(eff="no", smooth="exp", tok="13a", **shared), table),
        evaluate(chrf(eff="yes", nc=6, nw=0, space="no", **shared), table),
    )


def test_tokens_are_those_of_13a():
    draw = random.Random(1)
    for _ in range(300):
        text = "".join(draw.choices("aB1 .,-–'&;:!?()[]{}<>%/\\\"\n", k=draw.randint(0, 25)))
        assert list(tokenize_13a(text)) == Tokenizer13a()(text.rstrip()).split()


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_scores_are_those_of_sacrebleu(k, lower):
    for seed in range(6):
        translations, references = corpus(seed, 7, k)
        streams = [list(each) for each in zip(*references, strict=True)]
        bleu, characters = values(translations, references, lower=lower)
        assert 100 * bleu.value == pytest.approx(BLEU(lowercase=lower).corpus_score(translations, streams).score)
        assert 100 * characters.value == pytest.approx(CHRF(lowercase=lower).corpus_score(translations, streams).score)


@pytest.mark.parametrize("translation", ["", "a", "nothing alike", "the", "the red ball"])
def test_short_and_empty_translations(translation):
    bleu, characters = values([translation], [["the red ball rolls"]])
    assert 100 * bleu.value == pytest.approx(BLEU().corpus_score([translation], [["the red ball rolls"]]).score)
    assert 100 * characters.value == pytest.approx(CHRF().corpus_score([translation], [["the red ball rolls"]]).score)


def test_the_id_is_the_signature():
    bleu, _ = values(["a b c d"], [["a b c d"]])
    assert bleu.id == "sacrebleu(case=mixed,eff=no,nrefs=1,smooth=exp,tok=13a)"
    assert bleu.value == 1.0
    scorer = BLEU()
    scorer.corpus_score(["a b c d"], [["a b c d"]])
    said = dict(part.split(":") for part in str(scorer.get_signature()).split("|"))
    assert {name: said[name] for name in ("case", "eff", "smooth", "tok")} == {
        "case": "mixed", "eff": "no", "smooth": "exp", "tok": "13a"
    }  # fmt: skip


def test_every_segment_has_a_reference():
    with pytest.raises(ValueError, match="reference"):
        translation_columns(["a"], [[]])
    assert np.shape(translation_columns([], [])["bleu_counts"]) == (0, 10)
