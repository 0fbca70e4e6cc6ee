"""Texts by number: each once, long ones cut, and all together within a budget."""

from mmbench.analysis.text_pool import TextPool


def test_equal_texts_share_a_number():
    pool = TextPool()
    assert pool.numbers(["a", "b", "a", ""]) == [0, 1, 0, 2]
    assert pool.texts == ["a", "b", ""]
    assert not pool.cuts


def test_a_long_text_keeps_its_ends_and_its_true_length():
    pool = TextPool(longest=10)
    text = "0123456789" * 1000
    number = pool.add(text)
    length, gap = pool.cuts[number]
    assert length == 10_000
    assert pool.texts[number][:gap] == text[:gap]
    assert pool.texts[number][gap:] == text[-(10 - gap) :]
    assert pool.add(text) == number
    assert pool.add(text + text) != number  # the same ends, another length


def test_more_than_the_budget_cuts_the_longest_texts_first():
    pool = TextPool(budget=5_000, longest=4_000)
    short, long = pool.add("short" * 10), [pool.add(letter * 3_000) for letter in "abc"]
    assert sum(map(len, pool.texts)) <= 5_000
    assert pool.texts[short] == "short" * 10
    assert all(pool.cuts[number][0] == 3_000 for number in long)
    assert pool.add("b" * 3_000) == long[1]
    assert pool.texts[long[1]] == "b" * len(pool.texts[long[1]])
