"""Texts as numbers: which words are read, which lines say nothing, and what an unknown word becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_tasks import asked, asks, picture

from mmbench.core import Embed, Generate
from mmbench_baselines.text import LONGEST, UNKNOWN, Reader, choices_of, text_of

COLOURS, YES_NO = ("blue", "red"), ("no", "yes")
CLOSING = "Answer with one of: blue, red."


def question(text, choices=COLOURS, closing=CLOSING):
    return Generate(parts=(f"{text}\n{closing}" if closing else text,), choices=choices)


def learn(*requests):
    return Reader.learn(requests)


def test_lines_that_every_question_with_these_choices_has_are_left_out():
    reader = learn(question("What colour is it?"), question("Which colour has the ring?"))
    assert reader.words == ("colour", "has", "is", "it", "ring", "the", "what", "which")
    assert reader.split(f"What is it?\n{CLOSING}", COLOURS) == ["what", "is", "it"]
    assert reader.split(f"{CLOSING}\nWhat is it?", COLOURS) == ["what", "is", "it"]


def test_such_a_line_is_read_where_the_choices_are_others():
    reader = learn(question("one"), question("two"), question("three", YES_NO), question("four", YES_NO, "Yes or no."))
    assert reader.split(f"one\n{CLOSING}", YES_NO) == ["one", "answer", "with", "one", "of", "blue", "red"]
    assert reader.split(f"one\n{CLOSING}", None) == ["one", "answer", "with", "one", "of", "blue", "red"]
    assert reader.split(f"one\n{CLOSING}", COLOURS) == ["one"]


def test_a_line_is_left_out_as_a_whole_or_not_at_all():
    reader = learn(question("one"), question("two"))
    assert reader.split(f"one {CLOSING}", COLOURS) == ["one", "answer", "with", "one", "of", "blue", "red"]


def test_choices_of_a_question_of_its_own_take_nothing_away():
    reader = learn(*(question(f"question {n}", (f"a{n}", f"b{n}"), "Choose one.") for n in range(4)))
    assert reader.closing == ()
    assert reader.split("question 2\nChoose one.", ("a2", "b2")) == ["question", "2", "choose", "one"]


def test_one_text_asked_again_and_again_keeps_all_its_lines():
    reader = learn(*[question("What colour is it?")] * 3)
    assert reader.split(f"What colour is it?\n{CLOSING}", COLOURS)[:4] == ["what", "colour", "is", "it"]


def test_open_questions_have_lines_in_common_too():
    reader = learn(*(question(text, None, "Answer in one word.") for text in ("What is it?", "Who is it?")))
    assert reader.words == ("is", "it", "what", "who")


def test_ids_start_behind_padding_and_unknown_and_follow_the_alphabet():
    reader = learn(question("c b"), question("a"))
    assert reader.size == 5
    assert reader.encode([("a b c", COLOURS), ("d A", COLOURS)]) == [[2, 3, 4], [UNKNOWN, 2]]


@pytest.mark.parametrize("text", ["", " \n ", "?!", CLOSING, "\N{GRINNING FACE}"])
def test_a_text_without_words_is_one_unknown_word(text):
    reader = learn(question("one"), question("two"))
    assert reader.encode([(text, COLOURS)]) == [[UNKNOWN]]


def test_a_reader_of_pictures_alone_reads_on():
    reader = learn(Embed(part=picture("red")))
    assert reader.encode([("anything", None)]) == [[UNKNOWN]]


def test_case_does_not_count_in_any_script():
    reader = learn(question("STRASSE Ärger ΣΊΣΥΦΟΣ 什么 颜色"), question("x"))
    (ids,) = reader.encode([("straße äRGER σίσυφος 什么", COLOURS)])
    assert UNKNOWN not in ids
    assert len(ids) == 4


def test_a_long_text_is_read_up_to_a_limit():
    reader = learn(question("a"), question("b"))
    (ids,) = reader.encode([("a " * 100_000, COLOURS)])
    assert len(ids) == LONGEST


def test_the_text_of_a_request_is_its_text_parts_a_line_each():
    (request,) = asks([asked("s", picture("red"), "What colour is it?", "red", COLOURS)])
    assert text_of(request) == f"What colour is it?\n{CLOSING}"
    assert choices_of(request) == COLOURS
    assert (text_of(Embed(part="a red square")), choices_of(Embed(part="a red square"))) == ("a red square", None)
    assert text_of(Embed(part=picture("red"))) == ""


texts = st.lists(st.sampled_from(["a", "b c", "c", "d\ne", CLOSING, "", "Ä b"]), min_size=1, max_size=4).map("\n".join)
known = st.lists(st.tuples(texts, st.sampled_from([COLOURS, YES_NO, None])), min_size=1, max_size=8)


@pytest.mark.slow
@given(known, st.randoms(use_true_random=False))
def test_the_order_of_the_training_questions_does_not_count(pairs, draw):
    requests = [Generate(parts=(text,), choices=choices) for text, choices in pairs]
    shuffled = requests.copy()
    draw.shuffle(shuffled)
    assert Reader.learn(requests) == Reader.learn(shuffled)


@pytest.mark.slow
@given(known, st.text(), st.sampled_from([COLOURS, ("x",), None]))
def test_any_text_becomes_known_ids(pairs, text, choices):
    reader = Reader.learn(Generate(parts=(said,), choices=own) for said, own in pairs)
    (ids,) = reader.encode([(text, choices)])
    assert 1 <= len(ids) <= LONGEST
    assert all(UNKNOWN <= number < reader.size for number in ids)


@given(known)
def test_no_word_of_training_is_unknown(pairs):
    reader = Reader.learn(Generate(parts=(said,), choices=own) for said, own in pairs)
    for ids, (text, choices) in zip(reader.encode(pairs), pairs, strict=True):
        assert ids == [UNKNOWN] or UNKNOWN not in ids
        assert (ids == [UNKNOWN]) is (reader.split(text, choices) == [])
