"""Each option is declared once: its values are checked alike wherever they come from, and its types agree with Python."""

import json
import math
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import OptionError, RunSpec, UnknownNameError
from mmbench.core.spec import DataSource
from mmbench.resolve.declared_option import GROUPS, Option
from mmbench.resolve.options import OF_RUN, OF_TRAIN, OPTIONS, REUSED, RunOptions, checked


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("limit", " 8 ", 8),
        ("batch-size", "auto", "auto"),
        ("batch-size", "8", 8),
        ("max-errors", "3", 3),
        ("max-errors", "0.25", 0.25),
        ("json", "YES", True),
        ("json", "0", False),
        ("perf", "off", "off"),
        ("tasks", ["vqa, retrieval", "a"], ("vqa", "retrieval", "a")),
        ("ids", ["a,b", "c"], ("a", "b", "c")),
        ("data", ["my.jsonl", "vqa=a=b.jsonl"], (DataSource("my.jsonl"), DataSource("a=b.jsonl", "vqa"))),
        ("model-args", [], {}),
        ("model-args", ["depth=4,name=small", "fast=true"], {"depth": 4, "name": "small", "fast": True}),
        ("model-args", ["a=1", "a=2"], {"a": 2}),
        ("model-args", ["prompt=one, two, three"], {"prompt": "one, two, three"}),
        ("model-args", ["sizes=[1,2,3],x=null"], {"sizes": [1, 2, 3], "x": None}),
        ("model-args", ["path=C:\\data", "eq=a=b"], {"path": "C:\\data", "eq": "a=b"}),
        ("model-args", ['empty=,text="5"'], {"empty": "", "text": "5"}),
        ("model-args", ["big=1e999", "nan=NaN", "inf=-Infinity"], {"big": "1e999", "nan": "NaN", "inf": "-Infinity"}),
        ("model-args", [" spaced = 3 "], {"spaced": 3}),
    ],
)
def test_text_is_read(option: str, text: Any, value: Any) -> None:
    found = OPTIONS[option].parsed(text, f"--{option}")
    assert found == value
    assert OPTIONS[option].value(found) == value, "reading twice changes nothing"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("limit", text) for text in ("0", "-1", "ten", "2.5", "")),
        *(("batch-size", text) for text in ("", "Auto", "8.0", "eight", "0", "-3")),
        ("concurrency", "0"),
        ("loader-threads", "-1"),
        ("threads", "0"),
        ("retries", "-1"),
        *(("batch-cost", text) for text in ("0", "nan", "inf")),
        *(("timeout", text) for text in ("-1", "inf")),
        *(("max-errors", text) for text in ("-1", "-0.5", "nan")),
        *(("solved", text) for text in ("1.5", "-0.1")),
        ("perf", "ful"),
        ("out", " "),
        ("model-args", ["depth"]),
        *(("model-args", [text]) for text in ("=4", " =4", "")),
        *(("data", [text]) for text in ("", " ", "=x", "vqa=", "vqa= ")),
        ("data", ["vqa=a", "vqa=b"]),
        ("data", ["a", "b"]),
    ],
)
def test_text_that_means_nothing_is_refused(option: str, text: Any) -> None:
    with pytest.raises(OptionError) as raised:
        OPTIONS[option].parsed(text, f"--{option}")
    error = raised.value
    assert (error.option, error.exit_code) == (f"--{option}", 2)
    assert error.value in (text, *([int(text), float(text)] if str(text).lstrip("-").isdigit() else [])) or isinstance(
        error.value, float | tuple | dict
    )
    assert error.expected == OPTIONS[option].form.expected


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("limit", "5"),
        ("limit", True),
        ("limit", 2.0),
        ("batch_size", "large"),
        ("timeout", math.nan),
        ("timeout", "3"),
        ("model_args", 3),
        ("model_args", {3: 4}),
        ("data", 3),
        ("data", {"vqa": ""}),
        ("ids", [3]),
        ("out", 3),
        ("skip_incompatible", 1),
        ("perf", None.__class__),
    ],
)
def test_a_value_of_another_type_is_refused(keyword: str, value: Any) -> None:
    with pytest.raises(OptionError) as raised:
        OPTIONS[keyword.replace("_", "-")].value(value)
    assert (raised.value.option, raised.value.value) == (keyword, value)


def test_keywords_are_checked_and_completed() -> None:
    options = checked(
        {"data": Path("my.jsonl"), "ids": ["a,b"], "device": "cuda", "model_args": {"depth": 2}}, OF_RUN, "mmbench.run"
    )
    assert set(options) == {*OF_RUN, "progress"}
    assert options["data"] == (DataSource("my.jsonl"),)
    assert options["ids"] == ("a,b",), "an id may hold a comma"
    assert options["model_args"] == {"depth": 2, "device": "cuda"}
    assert (options["limit"], options["batch_size"], options["seeds"]) == (None, "auto", 1)


def test_an_unknown_keyword_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"'limt'\. Did you mean 'limit'"):
        checked({"limt": 3}, OF_RUN, "mmbench.run")
    with pytest.raises(UnknownNameError):
        checked({"workers": 3}, OF_TRAIN, "mmbench.train")


def test_a_default_and_every_choice_is_a_value_of_the_option() -> None:
    for option in OPTIONS.values():
        assert option.group in GROUPS
        assert option.help.endswith(".")
        for value in (option.default, option.bare, *option.form.choices):
            if value is not None:
                assert option.value(value) == value
    assert {*REUSED, *REUSED.values()} <= set(OPTIONS)


def test_the_types_that_mypy_sees_agree_with_what_is_read() -> None:
    """Of each keyword: whether a whole number, a text and a mapping are taken, by its type and by its declaration."""
    for keyword, annotation in RunOptions.__annotations__.items():
        if keyword == "progress":
            continue
        stated = get_args(annotation)[0]
        kinds = set(get_args(stated)) or {stated}
        literals = {value for kind in {stated, *kinds} if get_origin(kind) is Literal for value in get_args(kind)}
        option = OPTIONS[keyword.replace("_", "-")]
        optional = option.default is None or option.form.many or option.form.expected == "a folder"
        assert (type(None) in kinds) == optional, keyword
        assert literals <= {*option.form.choices, "auto", "search", "on", "off"}, keyword
        assert takes(option, 0.5) == (float in kinds), keyword
        assert takes(option, 1) == bool(kinds & {int, float}), keyword
        assert option.form.flag == (bool in kinds), keyword
        assert option.form.many == ("Mapping" in str(kinds) or "Sequence" in str(kinds)), keyword
        if not option.form.many and keyword not in ("slo", "shard"):  # a text of a form of its own
            assert takes(option, "some text") == (str in kinds), keyword


def takes(option: Option, value: Any) -> bool:
    try:
        option.value(value)
    except OptionError:
        return False
    return True


def test_every_field_of_a_run_is_an_option() -> None:
    assert set(RunSpec.__dataclass_fields__) <= {option.keyword for option in OPTIONS.values()}


keys = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)


@pytest.mark.slow
@given(
    st.dictionaries(
        keys, st.integers() | st.booleans() | st.none() | st.from_regex(r"[a-z ]{1,9}", fullmatch=True), max_size=5
    )
)
def test_pairs_give_back_what_was_written(values: dict[str, object]) -> None:
    text = ",".join(f"{key}={json.dumps(value)}" for key, value in values.items())
    option = OPTIONS["model-args"]
    assert option.parsed([text] if values else [], "--model-args") == values
    words = option.arguments(values)
    assert option.parsed(words[1::2], "--model-args") == values
