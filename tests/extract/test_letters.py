"""Letters that name a choice: capitals, in brackets or behind a marker; never the article, nor the pronoun."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.extract import extractor_named

LETTER = extractor_named("letter")
FOUR = ("A", "B", "C", "D")
TEXTS = ("a cat", "a dog", "two birds")

OPEN = [
    ("The answer is 'C'.", "c"),
    ("'C'", "c"),
    ("I chose 'C' here", "c"),
    ("C'est B", "b"),
    ("A, B, and C are wrong. So D.", None),
    ("Neither A nor B", None),
    ("Not A", None),
    ("Not A but B", "b"),
    ("It is (C), not (D).", "c"),
    ("Since D is the middle of CD, x = 2", None),
    ("b", "b"),
    ("(b)", "b"),
    ("B)", "b"),
    ("**B**", "b"),
    ("\\boxed{C}", "c"),
    ("<|begin_of_box|>D<|end_of_box|>", "d"),
    ("The answer is a dog", None),
    ("the answer is a", "a"),
    ("answer is a.", "a"),
    ("Answer: A dog", None),
    ("Answer: B dog", "b"),
    ("The answer is A because", "a"),
    ("It is A or B", None),
    ("Answer: A and B", None),
    ("Answer: A, B", None),
    ("I think", None),
    ("I am sure it is C.", "c"),
    ("A is correct.", "a"),
    ("A dog", None),
    ("A", "a"),
    ("A.", "a"),
    ("I", "i"),
    ("A: red", "a"),
    ("A. red B. blue", None),
    ("A. red\nB. blue\nThe answer is B", "b"),
    ("Option C", "c"),
    ("option (a)", "a"),
    ("答案是B。", "b"),
    ("答案：Ｃ", "c"),
    ("选A", "a"),
    ("정답은 D입니다", "d"),
    ("The correct option is D.", "d"),
    ("The answer to the question is B.", "b"),
    ("Since C = 5 the temperature is 20 °C", None),
    ("∠A = 110°", None),
    ("U.S.A. is big", None),
    ("B-29 bomber", None),
    ("C++", None),
    ("The answer is not A; it is B.", "b"),
    ("vitamin in A major", None),
    ("THIS IS A DOG", None),
    ("A dog and a cat. B", "b"),
    ("Type a", None),
    ("f(A) is 3", None),
    ("So the answer should be (E).", "e"),
    ("B, because A is wrong", "b"),
    ("(A) is wrong, (B) is right", None),
    ("I.", "i"),
    ("A\n", "a"),
    ("Answer: A\nB is wrong", "a"),
    ("a) red", "a"),
    ("This is figure (a)", "a"),
    ("I'm A person", None),
    ("The letter is A", "a"),
    ("ans: B", "b"),
    ("Choice B", "b"),
    ("C. The U.S. flag", "c"),
    ("It’s B", "b"),
    ("A man is standing.", None),
    ("Both A and B", None),
    ("e.g. a cat", None),
    ("The answer is I think B", "b"),
    ("A and so on", "a"),
    ("a", "a"),
]


@pytest.mark.parametrize(("text", "found"), OPEN)
def test_letters_without_a_closed_set(text: str, found: str | None) -> None:
    assert LETTER(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("B", "a dog"),
        ("(c) two birds", "two birds"),
        ("The answer is A.", "a cat"),
        ("D", None),
        ("It is D or B.", "a dog"),
        ("a dog", None),
        ("A dog", None),
    ],
)
def test_a_letter_is_the_place_of_a_choice_and_letters_beyond_the_last_are_none(text: str, found: str | None) -> None:
    assert LETTER(text, TEXTS) == found


def test_choices_that_are_letters_are_found_as_they_are_written() -> None:
    assert LETTER("The answer is b.", ("b", "c")) == "b"
    assert LETTER("(X)", ("X", "Y")) == "X"
    assert LETTER("C", ("X", "Y")) is None


@pytest.mark.parametrize("name", ["mention", "leading", "contains", "letter"])
@pytest.mark.parametrize(
    "text", ["This is a dog on a lawn.", "I cannot see an image.", "A dog is here.", "THERE IS A DOG", "a", "I"][:4]
)
def test_neither_the_article_nor_the_pronoun_is_a_choice(name: str, text: str) -> None:
    assert extractor_named(name)(text, ("A", "B", "I")) is None


nouns = st.sampled_from(["dog", "red car", "man who stands", "Dutch flag", "12-inch disc", "big, old house"])
frames = st.sampled_from(
    [
        "This is {}.",
        "It shows {} on a lawn",
        "I see {}!",
        "The answer is {}",
        "Answer: {}.",
        "{}",
        "I think it is {}; I do.",
    ]
)


@given(frames, st.sampled_from(["a", "A"]), nouns)
def test_a_sentence_with_an_article_names_no_choice(frame: str, article: str, noun: str) -> None:
    assert LETTER(frame.format(f"{article} {noun}"), ("A", "I")) is None


@given(
    st.sampled_from(FOUR),
    st.sampled_from(["({})", "{}.", "{}", "**{}**", "The answer is {}.", "\\boxed{{{}}}", "[{}]", "{}) x"]),
)
def test_every_letter_is_found_in_every_form(letter: str, form: str) -> None:
    assert LETTER(form.format(letter), FOUR) == letter
