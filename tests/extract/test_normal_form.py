"""The normal form of answers and references, and words in texts of any script."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.extract import normalise
from mmbench.extract.normal_form import cased, excerpt, folded, plain, stands_alone

texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("()[]\"'`.! ,-Aa1「」『』（）【】“”‘’«»。、！．：Ａ１ｱﾞ\u0301\u200b\ufeff\u2212\u0345İßΣς"),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Red.", "red"),
        ("Red. ", "red"),
        ("red!..", "red"),
        ("U.S.", "u.s"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("dark \t red", "dark red"),
        ("dark\u00a0red", "dark red"),
        ("(B)", "b"),
        ("[b].", "b"),
        ("(a) and (b)", "(a) and (b)"),
        ("(1, 2)", "(1, 2)"),
        ("f(x)", "f(x)"),
        ("'red'", "red"),
        ("it's", "it's"),
        ("“red”", "red"),
        ("«rouge»", "rouge"),
        ("「紅」。", "紅"),
        ("『赤』", "赤"),
        ("《红楼梦》", "红楼梦"),
        ("【是】", "是"),
        ("（Ｂ）", "b"),
        ("ＹＥＳ！", "yes"),
        ("ﾈｺ", "ネコ"),
        ("ﾊﾞﾅﾅ", "バナナ"),
        ("cafe\u0301", "café"),
        ("ye\u200bs\ufeff", "yes"),
        ("\u202ayes\u202c", "yes"),
        ("so\u00adlar", "solar"),
        ("\u22123", "-3"),
        ("\u20133", "-3"),
        ("\uff0d\uff13", "-3"),
        ("it\u2019s", "it's"),
        ("...", ""),
        ("", ""),
    ],
)
def test_what_does_not_matter_is_gone(text: str, form: str) -> None:
    assert normalise(text) == form


@given(texts)
def test_applied_again_it_changes_nothing(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form
    assert folded(folded(text)) == folded(text)
    assert plain(plain(text)) == plain(text)
    assert len(cased(text).lower()) == len(cased(text))


@given(texts)
def test_the_form_of_canonically_equivalent_texts_is_the_same(text: str) -> None:
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(text)
    assert normalise(unicodedata.normalize("NFC", text)) == normalise(text)


@pytest.mark.parametrize(
    ("text", "word", "whole"),
    [
        ("a dog.", "dog", True),
        ("dogs", "dog", False),
        ("red_1", "red", False),
        ("bluered", "red", False),
        ("答案是红色。", "红色", True),
        ("ネコです", "ネコ", True),
        ("빨간색입니다", "빨간색", True),
        ("色はredです", "red", True),
        ("3.14", "3", False),
        ("3.14", "14", False),
        ("1,500", "500", False),
        ("3/4", "3", False),
        ("It is 3.", "3", True),
        ("-1", "1", False),
        ("minus 1", "1", False),
        ("negative 1", "1", False),
        ("1", "1", True),
        ("C++ code", "C++", True),
        ("cafés", "café", False),
    ],
)
def test_a_word_stands_alone_in_any_script_and_is_no_part_of_a_number(text: str, word: str, whole: bool) -> None:
    start = text.index(word)
    assert stands_alone(text, start, start + len(word)) is whole


def test_a_long_text_is_cut_between_words() -> None:
    text = "first " + "3.14 " * 40_000 + "last"
    short = excerpt(text)
    assert len(short) <= 40_001
    assert set(short.split()) == {"first", "3.14", "last"}
    assert excerpt("x" * 100_000).strip() == ""
    assert excerpt("short") == "short"
