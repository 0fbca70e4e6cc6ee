"""Captions as numbers and back, and what of them is learned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import DataError
from mmbench_baselines.captioner.words import BOUNDARY, UNKNOWN, Lexicon, split

SAID = ["A red circle, left of it a ring.", "two dogs' toys (red)", "it's here"]


@pytest.mark.parametrize("caption", [*SAID, "naïve café!", "10.5 km -- away", "é", "?!"])
def test_a_caption_comes_back_as_it_was_written(caption):
    lexicon = Lexicon.learn([caption])
    assert lexicon.text(lexicon.encode(caption)) == caption


@given(st.text(max_size=40))
def test_of_any_text_only_spaces_change(caption):
    words = split(caption)
    assert "".join(words).strip() == " ".join(caption.split())


def test_ids_are_words_in_order_and_what_training_did_not_show_is_unknown():
    lexicon = Lexicon.learn(["a cat", "a dog"])
    assert lexicon.words == (" a", " cat", " dog")
    assert lexicon.size == 5
    assert lexicon.encode("a red dog") == [2, UNKNOWN, 4]
    assert lexicon.text([BOUNDARY, 2, UNKNOWN, 4]) == "a dog"


def test_the_frequent_words_are_kept(monkeypatch):
    monkeypatch.setattr("mmbench_baselines.captioner.words.MOST_WORDS", 2)
    assert Lexicon.learn(["a cat", "a dog", "a cat"]).words == (" a", " cat")


@pytest.mark.parametrize("captions", [[], ["", "  "]])
def test_without_words_there_is_nothing_to_learn(captions):
    with pytest.raises(DataError, match="no captions to learn from"):
        Lexicon.learn(captions)


# --- what is learned of them ---


def examples_of(samples):
    pytest.importorskip("torch")
    from tiny_tasks import requests_of

    from mmbench_baselines.captioner.examples import described

    lexicon = Lexicon.learn(caption for sample in samples for caption in sample.references)
    return lexicon, described(samples, requests_of, lexicon, 16)


def test_every_word_is_learned_from_those_before_it_and_the_end_from_all():
    from dataclasses import replace

    pytest.importorskip("torch")
    from tiny_tasks import described_of

    from mmbench_baselines.captioner.examples import IGNORED

    one, two, *_ = described_of("train")
    lexicon, examples = examples_of([replace(one, references=("a b", "c")), replace(two, references=("b b a",))])
    a, b, c = (lexicon.encode(word)[0] for word in "abc")
    words, following = examples.targets(np.array([0, 1]), 0, 2)
    assert words.tolist() == [[0, a, b, 0], [0, c, 0, 0], [0, b, b, a], [0, b, b, a]]
    end, no = BOUNDARY, IGNORED
    assert following.tolist() == [[a, b, end, no], [c, end, no, no], [b, b, a, end], [b, b, a, end]]
    seen = {tuple(examples.targets(np.array([0]), turn, 1)[0][0].tolist()) for turn in range(4)}
    assert seen == {(0, a, b), (0, c)}, "in time, every caption has its turn"


def test_a_word_that_training_did_not_show_is_read_but_not_learned():
    pytest.importorskip("torch")
    from tiny_tasks import described_of, requests_of

    from mmbench_baselines.captioner.examples import IGNORED, described

    (sample, *_) = described_of("val")
    lexicon = Lexicon.learn(["a square."])
    words, following = described([sample], requests_of, lexicon, 16).targets(np.array([0]), 0, 1)
    a, square, dot = lexicon.encode("a square.")
    assert words.tolist() == [[0, a, UNKNOWN, square, dot]]
    assert following.tolist() == [[a, IGNORED, square, dot, BOUNDARY]]


def test_samples_without_captions_are_left_out():
    from dataclasses import replace

    pytest.importorskip("torch")
    from tiny_tasks import described_of

    made = described_of("train")
    made = [replace(made[0], references=()), replace(made[1], references=("",)), *made[2:]]
    _, examples = examples_of(made)
    assert len(examples) == len(made) - 2
    assert examples.groups == tuple(sample.cluster for sample in made[2:])
