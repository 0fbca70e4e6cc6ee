"""Answer extraction: a table of what each extractor accepts, and the laws that all of them keep."""

import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench import registry
from mmbench.core.errors import PluginError, UnknownNameError
from mmbench.extract import Choices, Extractor, extractor, extractor_named, extractors, normalise
from mmbench.registry import Plugin

COLOURS = ("blue", "dark red", "red")
YES_NO = ("no", "yes")

CASES = [
    # text, choices, exact, verbatim, mention, leading, final-answer
    ("red", COLOURS, "red", "red", "red", "red", "red"),
    ("Red", COLOURS, "red", None, "red", "red", "red"),
    (" RED.\n", COLOURS, "red", None, "red", "red", "red"),
    ("red!", COLOURS, "red", None, "red", "red", "red"),
    ("red..", COLOURS, "red", None, "red", "red", "red"),
    ("red?", COLOURS, None, None, "red", "red", None),
    ('"red"', COLOURS, "red", None, "red", "red", "red"),
    ('"Red."', COLOURS, "red", None, "red", "red", "red"),
    ("'red'.", COLOURS, "red", None, "red", "red", "red"),
    ("“red”", COLOURS, "red", None, "red", "red", "red"),
    ('"red', COLOURS, None, None, "red", "red", None),
    ("The circle is red.", COLOURS, None, None, "red", None, None),
    ("The circle is not red.", COLOURS, None, None, "red", None, None),
    ("It is dark red.", COLOURS, None, None, "dark red", None, None),
    ("dark red", COLOURS, "dark red", "dark red", "dark red", "dark red", "dark red"),
    ("dark red, I mean red", COLOURS, None, None, None, "dark red", None),
    ("red or blue", COLOURS, None, None, None, "red", None),
    ("red, really red", COLOURS, None, None, "red", "red", None),
    ("It is bluered.", COLOURS, None, None, None, None, None),
    ("reddish", COLOURS, None, None, None, None, None),
    ("red_1", COLOURS, None, None, None, None, None),
    ("green", COLOURS, None, None, None, None, None),
    ("", COLOURS, None, None, None, None, None),
    (".", COLOURS, None, None, None, None, None),
    ("Yes, there is no circle.", YES_NO, None, None, None, "yes", None),
    ("Nope", YES_NO, None, None, None, None, None),
    ("Let me see.\nAnswer: Red.", COLOURS, None, None, "red", None, "red"),
    ("Answer: blue\nNo.\n**Final answer:** red", COLOURS, None, None, None, None, "red"),
    ("**Answer: dark red**", COLOURS, None, None, "dark red", None, "dark red"),
    ("Answer:\nred\nbecause it is", COLOURS, None, None, "red", None, "red"),
    ("The answer: red", COLOURS, None, None, "red", None, "red"),
    ("Answer: the red one", COLOURS, None, None, "red", None, None),
    ("Two Words.", None, "two words", "Two Words.", "two words", "two words", "two words"),
    ("U.S.", None, "u.s", "U.S.", "u.s", "u.s", "u.s"),
    ("STRASSE", None, "strasse", "STRASSE", "strasse", "strasse", "strasse"),
    ("Hm.\nAnswer: 3", None, "hm. answer: 3", "Hm.\nAnswer: 3", "hm. answer: 3", "hm. answer: 3", "3"),
    ("  ", None, None, "  ", None, None, None),
    ("", None, None, None, None, None, None),
]
NAMES = ("exact", "verbatim", "mention", "leading", "final-answer")


@pytest.mark.parametrize("case", CASES, ids=[repr(case[0]) for case in CASES])
def test_what_each_extractor_accepts(case: tuple[str, tuple[str, ...] | None, str | None]) -> None:
    text, choices, *expected = case
    assert [extractor_named(name)(text, choices) for name in NAMES] == expected


def test_names_versions_and_registry_agree() -> None:
    assert {*NAMES, "number", "final-number"} <= {found.name for found in extractors()}
    for found in extractors():
        assert extractor_named(found.name) is found
        assert str(found) == f"{found.name}-v{found.version}"


@pytest.mark.parametrize("declared", extractors(), ids=str)
def test_every_extractor_finds_what_its_examples_say(declared: Extractor) -> None:
    assert declared.description
    assert declared.examples
    for text, choices, answer in declared.examples:
        assert declared(text, choices) == answer


def test_an_extractor_of_another_package_is_declared_and_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    @extractor("last-word", "3", examples=[("It is red", None, "red")])
    def last_word(text: str, choices: Choices) -> str | None:
        """The last word.

        Args: none that matter.
        """
        return text.rsplit(maxsplit=1)[-1] if text.split() else None

    module = ModuleType("theirs")
    module.last_word = module.other = last_word  # type: ignore[attr-defined]
    module.none = str.strip  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "theirs", module)
    named = {"last-word": "last_word", "other": "other", "none": "none"}
    plugins = [Plugin("extractor", name, f"theirs:{target}", "theirs==1") for name, target in named.items()]
    monkeypatch.setattr(registry, "plugins", lambda kind: plugins)
    monkeypatch.setattr(registry, "find", lambda kind, name, **_: next(each for each in plugins if each.name == name))
    assert str(extractor_named("last-word")) == "last-word-v3"
    assert (last_word("It is red"), last_word.description) == ("red", "The last word.")
    assert extractors() == [last_word]
    for name in ("other", "none"):
        with pytest.raises(PluginError):
            extractor_named(name)


def test_unknown_and_unfitting_names_are_refused_with_near_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        extractor_named("exakt")
    assert caught.value.near[0] == "exact"
    with pytest.raises(UnknownNameError):
        extractor_named("exact", reads="number")
    with pytest.raises(ValueError, match="no name"):
        extractor("Last Word", "1")(lambda text, choices: None)


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
sets = st.lists(words.filter(str.strip), min_size=1, max_size=5, unique_by=normalise).map(tuple)


@pytest.mark.parametrize("name", NAMES)
@given(text=words, choices=sets)
def test_with_a_closed_set_the_answer_is_one_of_it_or_none(name: str, text: str, choices: tuple[str, ...]) -> None:
    assert extractor_named(name)(text, choices) in {None, *choices}


@pytest.mark.parametrize("name", NAMES)
@given(text=words)
def test_an_answer_is_never_empty(name: str, text: str) -> None:
    assert extractor_named(name)(text, None) != ""


@pytest.mark.parametrize("name", ["exact", "mention", "leading"])
@given(
    choices=st.lists(
        st.sampled_from(["red", "dark red", "no", "C++", "12", "1", "Ärger", "x-ray"]), min_size=1, unique=True
    )
)
def test_every_choice_is_found_in_itself(name: str, choices: list[str]) -> None:
    assert [extractor_named(name)(f"{choice}.", tuple(choices)) for choice in choices] == choices


@given(text=words, other=words)
def test_case_and_blanks_around_an_answer_do_not_matter(text: str, other: str) -> None:
    assert normalise(f"  {text}\n") == normalise(text)
    if text.isascii():
        assert normalise(text.upper()) == normalise(text.lower())
    assert (normalise(text) == normalise(other)) == (normalise(other) == normalise(text))


def test_a_long_text_of_blank_lines_is_no_trap() -> None:
    text = "\n \t" * 50_000 + "red"
    assert extractor_named("final-answer")(text, COLOURS) == "red"
    assert extractor_named("mention")(text, COLOURS) == "red"
