"""What caption scores rest on: the columns, whatever the order and the parts that images come in."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import ScoreTable
from mmbench.metrics import caption_columns, caption_metrics, caption_remarks, merge_tables, tokenised_columns
from mmbench.metrics.captions import ngrams
from mmbench.metrics.captions.declarations import bleu, cider_d
from mmbench.metrics.captions.rouge import common_subsequences
from mmbench.metrics.captions.text import number_words
from mmbench.metrics.evaluate import evaluate

caption = st.lists(st.sampled_from("abcde"), max_size=9).map(" ".join)
image = st.tuples(caption, st.lists(caption, min_size=1, max_size=4))
corpus = st.lists(image, min_size=1, max_size=7)


def columns_of(images, documents=None):
    return tokenised_columns([i[0] for i in images], [i[1] for i in images], documents=documents)


def table_of(images, documents=None, *, first=0, status=None):
    names = [f"image {first + number}" for number in range(len(images))]
    return ScoreTable("sample", names, names, status or ["scored"] * len(images), columns_of(images, documents))


def many(count, seed):
    source = random.Random(seed)

    def one():
        return " ".join(source.choices("abcdefghij", k=source.randint(0, 14)))

    return [(one(), [one() for _ in range(source.randint(1, 5))]) for _ in range(count)]


def test_counts_of_an_example_done_by_hand():
    images = [("the cat the cat sat", ["the cat sat on the mat", "a cat sat"]), ("dogs", ["two dogs", "x y z"])]
    columns = columns_of(images)
    # the: 2 of 2, cat: 1 of 2, sat: 1; the-cat once, cat-sat once; the-cat-sat. Lengths 6 and 3: 6 is closer to 5.
    assert columns["bleu"][0].tolist() == [4, 2, 1, 0, 5, 4, 3, 2, 5, 6]
    assert columns["bleu"][1].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1, 2]
    # Longest common subsequences of 3 (the cat sat) and 2 (cat sat): precision 3/5, recall max(3/6, 2/3).
    precision, recall = 3 / 5, 2 / 3
    assert columns["rouge_l"][0] == pytest.approx(2.44 * precision * recall / (recall + 1.44 * precision), abs=1e-12)


def test_of_two_reference_lengths_as_close_the_shorter_counts():
    assert columns_of([("a b c", ["a b c d", "a b"])])["bleu"][0, -1] == 2


def test_bleu_falls_with_captions_that_are_too_short():
    row = columns_of([("a b", ["a b c d"])])["bleu"][0]
    assert bleu.function(row, k=1) == pytest.approx(math.exp(1 - 4 / 2), abs=1e-8)


@pytest.mark.slow
@given(corpus, st.randoms(use_true_random=False))
def test_order_of_images_and_references_changes_no_bit(images, source):
    order = list(range(len(images)))
    source.shuffle(order)
    shuffled = [(images[i][0], source.sample(images[i][1], len(images[i][1]))) for i in order]
    before, after = columns_of(images), columns_of(shuffled)
    for name in before:
        assert before[name][order].tobytes() == after[name].tobytes()


@pytest.mark.slow
@given(corpus, corpus)
def test_parts_scored_with_the_documents_of_all_give_the_values_of_all(left, right):
    documents = [references for _, references in left + right]
    merged = merge_tables([table_of(left, documents), table_of(right, documents, first=len(left))])
    whole = table_of(left + right)
    for name, column in whole.columns.items():
        assert np.asarray(column).tobytes() == np.asarray(merged.columns[name]).tobytes()
    for metric in caption_metrics():
        assert evaluate(metric, merged) == evaluate(metric, whole)


def test_a_thousand_images_in_any_order_change_no_bit():
    images = many(1000, seed=5)
    order = np.random.default_rng(1).permutation(len(images))
    before, after = columns_of(images), columns_of([images[i] for i in order])
    assert all(before[name][order].tobytes() == after[name].tobytes() for name in before)


@pytest.mark.slow
@given(corpus, st.data())
def test_a_failed_image_is_a_row_of_zeros_and_still_a_document(images, data):
    failed = data.draw(st.integers(0, len(images) - 1))
    with_failure = [(None if i == failed else text, refs) for i, (text, refs) in enumerate(images)]
    before, after = columns_of(images), columns_of(with_failure)
    kept = [i for i in range(len(images)) if i != failed]
    for name in before:
        assert not after[name][failed].any()
        assert before[name][kept].tobytes() == after[name][kept].tobytes()


def test_no_caption_at_all():
    assert {name: column.shape for name, column in columns_of([]).items()} == {
        "bleu": (0, 10),
        "rouge_l": (0,),
        "cider_d": (0,),
    }
    assert not any(column.any() for column in columns_of([(None, ["a b"]), (None, ["c"])]).values())
    assert not any(column.any() for column in tokenised_columns([None], [["a"]], documents=[]).values())


def test_an_empty_caption_scores_0_and_weighs_on_the_length():
    columns = columns_of([("", ["a b c"]), ("a b", ["a b"])])
    assert columns["bleu"][0].tolist() == [0] * 9 + [3]
    assert columns["rouge_l"][0] == columns["cider_d"][0] == 0


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match="2 candidates for 1 lists"):
        tokenised_columns(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="image 1: expected a list of references, at least one"):
        tokenised_columns(["a", "b"], [["a"], []])
    with pytest.raises(ValueError, match="image 0: expected a list"):
        tokenised_columns(["a"], ["a"])


@pytest.mark.slow
def test_candidates_are_tokenised_apart_from_references():
    """A letter and a period keep together before another candidate, also where a reference begins like a sentence."""
    candidates = ["racing in Texas A.", "a nun."]
    columns = caption_columns(candidates, [["A man on a horse."], ["Two nuns."]])
    expected = tokenised_columns(["racing in texas a.", "a nun"], [["a man on a horse"], ["two nuns"]])
    for name, column in expected.items():
        np.testing.assert_array_equal(columns[name], column)
    # And a reference before another reference, whatever the candidate between them in the table.
    columns = caption_columns(["A cat", "A dog"], [["plan B."], ["x y"]])
    expected = tokenised_columns(["a cat", "a dog"], [["plan b."], ["x y"]])
    np.testing.assert_array_equal(columns["bleu"], expected["bleu"])


def test_one_image_gives_cider_0_and_says_why():
    columns = columns_of([("a b c d", ["a b c d"])])
    assert columns["cider_d"].tolist() == [0]
    assert set(caption_remarks(["a b c d"], [["a b c d"]])) == {"cider_d"}


def test_remarks_say_why_cider_is_low_or_0():
    many = [[f"word{n} other{n}"] for n in range(100)]
    assert caption_remarks(["a"] * 100, many) == {}
    few = caption_remarks(["a"] * 99, many[:99])
    same = caption_remarks(["a b"] * 4, [["a photo of a dog"]] * 4)
    assert set(few) == set(same) == {"cider_d"}
    assert few != same
    assert columns_of([("a b", ["a photo of a dog"])] * 4)["cider_d"].tolist() == [0.0] * 4
    unspaced = caption_remarks(
        ["\u4e00\u53ea\u72d7\u5728\u8dd1"] * 120, [["\u4e00\u53ea\u72d7\u5728\u8349\u5730"]] * 120
    )
    assert set(unspaced) == {"bleu", "rouge_l", "cider_d"}


def test_cider_gets_no_interval_made_for_shares():
    """0 for all says nothing of how far another sample is from 0; what is there has Student's t, not a share of 10."""
    ids = [f"s{n}" for n in range(4)]
    for scores, interval in (([0.0] * 4, False), ([0.5, 0.7, 0.6, 0.9], True)):
        table = ScoreTable("sample", ids, ids, ["scored"] * 4, {"cider_d": scores}, remarks={"cider_d": "few images"})
        found = evaluate(cider_d(), table)
        assert (found.low is not None) == interval
        assert "few images" in (found.reason or "")
        assert (found.method == "cluster-t") == interval
        assert not interval or (found.high or 0) < 2.0


@pytest.mark.slow
@given(st.lists(st.tuples(caption, caption), min_size=1, max_size=6))
def test_longest_common_subsequence_by_its_definition(pairs):
    tokens = number_words([line for pair in pairs for line in pair])
    left = np.arange(0, 2 * len(pairs), 2)
    expected = [longest(a.split(" "), b.split(" ")) for a, b in pairs]
    assert common_subsequences(tokens, left, left + 1).tolist() == expected


@pytest.mark.parametrize("length", [15, 16, 17, 31, 32, 33, 63, 64, 65, 200])
def test_longest_common_subsequence_of_long_lines(length):
    source = random.Random(length)
    left, right = (" ".join(source.choices("abcd", k=size)) for size in (length, length + 3))
    tokens = number_words([left, right])
    expected = longest(left.split(), right.split())
    for first, second in ((0, 1), (1, 0)):
        assert common_subsequences(tokens, np.array([first]), np.array([second])).tolist() == [expected]


def longest(left, right):
    row = [0] * (len(right) + 1)
    for ours in left:
        above = row[:]
        for place, theirs in enumerate(right, 1):
            row[place] = above[place - 1] + 1 if ours == theirs else max(above[place], row[place - 1])
    return row[-1]


@pytest.mark.parametrize(("bits", "short"), [(63, 0), (0, 0), (0, 2**16)], ids=["packed", "by index", "short"])
def test_keys_of_every_size_give_the_same(monkeypatch, bits, short):
    images = many(60, seed=2)
    before = columns_of(images)
    monkeypatch.setattr(ngrams, "_KEY_BITS", bits)
    monkeypatch.setattr(ngrams, "_SHORT", short)
    after = columns_of(images)
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_metrics_show_what_papers_show():
    table = table_of(many(50, seed=3))
    metrics = {str(metric.id): metric for metric in caption_metrics()}
    values = {name: evaluate(metric, table) for name, metric in metrics.items()}
    assert [values[f"bleu@{n}"].value for n in (1, 2, 3, 4)] == sorted(
        (values[f"bleu@{n}"].value for n in (1, 2, 3, 4)), reverse=True
    )
    assert all(value.low <= value.value <= value.high for value in values.values())
    assert metrics["cider_d"].bounds == (0.0, 10.0)
    assert {metric.scale for metric in metrics.values()} == {100.0}
    assert all(metric.source for metric in metrics.values())
