"""Yes and no in what a model wrote."""

import pytest

from mmbench.extract import extractor_named

YES_NO = extractor_named("yes-no")


@pytest.mark.parametrize("text", ["Yes.\nNo.", "No, it is not. Yes, it is.", "It is not yes"])
def test_what_says_both_or_denies_one_is_no_answer(text: str) -> None:
    assert YES_NO(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Yes", "yes"),
        ("yes.", "yes"),
        ("No, there is.", "no"),
        ("There is no dog.", "no"),
        ("Yes and no", None),
        ("yes/no", None),
        ("No doubt, yes", "yes"),
        ("No idea", None),
        ("I don't know", None),
        ("The answer is no.", "no"),
        ("Answer: Yes", "yes"),
        ("是", "yes"),
        ("不是", "no"),
        ("否。", "no"),
        ("はい、そうです", "yes"),
        ("No. 5", None),
        ("know", None),
        ("true", "yes"),
        ("The correct answer is no", "no"),
        ("**No**", "no"),
        ("\\boxed{Yes}", "yes"),
        ("yes or no?", None),
        ("Nope", "no"),
        ("not", None),
        ("아니요", "no"),
    ],
)
def test_what_is_read_as_yes_or_no(text: str, found: str | None) -> None:
    assert YES_NO(text) == found


def test_with_a_closed_set_it_is_the_choice_that_means_the_same() -> None:
    assert YES_NO("Yes, it is.", ("NO", "YES")) == "YES"
    assert YES_NO("Yes, it is.", ("True", "False")) == "True"
    assert YES_NO("Yes, it is.", ("red", "blue")) is None
    assert YES_NO("Yes, it is.", ("yes", "true", "no")) is None
