"""The best caption for pictures that nobody looks at: never worse, in corpus BLEU-4, than any other reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import DatasetInfo, FitContext, Generate, Sample, TaskInfo
from mmbench.metrics.captions.columns import caption_columns
from mmbench.metrics.captions.declarations import bleu
from mmbench.models.prior import Prior, TemplatePrior
from mmbench.scoring.blind_caption import best_caption, scores_captions

INFO = TaskInfo("t", "1", "", DatasetInfo("", "", "", ""), frozenset({"generate"}), ("bleu@4", "rouge_l", "cider_d"))


def worth(caption, references):
    """Corpus BLEU-4 of a caption that is said of every picture, by the way that scores are made."""
    columns = caption_columns([caption] * len(references), references)
    return float(bleu.function(columns["bleu"].sum(axis=0)))


texts = st.lists(st.sampled_from(["a", "cat", "dog", "on", "mat"]), min_size=1, max_size=7).map(" ".join)


@pytest.mark.slow
@given(st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=6))
def test_no_reference_is_better(references):
    found = best_caption(references)
    best = max(worth(text, references) for each in references for text in each)
    assert worth(found, references) == pytest.approx(best, abs=1e-9)
    assert found in {text for each in references for text in each}


def test_equals_and_nothing():
    assert best_caption([["b b b b"], ["a a a a"]]) == "a a a a"
    assert best_caption([]) == best_caption([[]]) == ""


@pytest.mark.slow
def test_only_some_of_many_pictures_are_read():
    many = [["a cat on a mat"]] * 3000 + [["a dog on a mat"]] * 5000
    assert best_caption(many) == "a dog on a mat"
    assert best_caption([*[["two of them on a bench"]] * 3, *many]) == "a dog on a mat"


def test_the_prior_says_it_where_captions_are_scored():
    train = [Sample(f"s{n}", (f"look {n}",), references=("a cat sits here", f"number {n} it is")) for n in range(5)]
    context = FitContext(lambda sample: [Generate(parts=sample.parts)], 0)
    for model in (Prior(), TemplatePrior()):
        model.fit(INFO, train, (), context)
        assert model.generate([Generate(parts=("look 3",)), Generate(parts=("?",))]) == ["a cat sits here"] * 2
    assert scores_captions(INFO)
    assert not scores_captions(TaskInfo("t", "1", "", INFO.dataset, INFO.request_kinds, ("accuracy",)))
