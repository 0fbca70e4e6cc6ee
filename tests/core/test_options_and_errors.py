"""Options are checked where they are made; every error knows its exit code."""

import inspect
import math
from typing import Any

import pytest

from mmbench import core
from mmbench.core import Batching, DataSource, MmbenchError, RunSpec, Selection, UsageError


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(UsageError, match=f"--limit {limit}: expected at least 1"):
        Selection(limit=limit)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 0}, "--batch-size 0: expected 'auto' or at least 1"),
        ({"size": -3}, "--batch-size -3"),
        ({"concurrency": 0}, "--concurrency 0: expected at least 1"),
        ({"workers": -1}, "--workers -1: expected 0 or more"),
        ({"cost": 0.0}, "--batch-cost 0.0: expected a positive number"),
        ({"cost": math.nan}, "--batch-cost nan"),
        ({"timeout_s": -1.0}, "--timeout -1.0: expected a positive number"),
        ({"timeout_s": math.inf}, "--timeout inf"),
    ],
)
def test_batching_that_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        Batching(**options)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("value", [-1, -0.5, math.nan])
def test_max_errors_that_mean_nothing_are_refused(value: float) -> None:
    with pytest.raises(UsageError, match="--max-errors"):
        RunSpec(model="m", tasks=("t",), max_errors=value)


def test_no_tasks_are_refused() -> None:
    with pytest.raises(UsageError, match="no tasks given; see: mmbench list tasks"):
        RunSpec(model="m", tasks=())


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("my.jsonl", "my.jsonl", None),
        ("vqa=my.jsonl", "my.jsonl", "vqa"),
        ("vqa/mine=a=b.jsonl", "a=b.jsonl", "vqa/mine"),
    ],
)
def test_data_sources_are_a_path_or_a_name_and_a_path(text: str, path: str, name: str | None) -> None:
    assert DataSource.parse(text) == DataSource(path, name)


@pytest.mark.parametrize("text", ["", " ", "=x", "vqa=", "vqa= "])
def test_half_a_data_source_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected PATH or NAME=PATH"):
        DataSource.parse(text)


def test_every_error_has_the_exit_code_of_its_kind() -> None:
    codes = {
        name: value.exit_code
        for name in core.__all__
        for value in [getattr(core, name)]
        if inspect.isclass(value) and issubclass(value, MmbenchError)
    }
    assert codes == {
        "MmbenchError": 70,
        "UsageError": 2,
        "UnknownNameError": 2,
        "DataError": 2,
        "PluginError": 2,
        "MissingExtraError": 2,
        "NotComparableError": 3,
        "RunFailedError": 4,
        "MediaError": 4,
        "ModelUnusableError": 4,
        "TransientError": 4,
    }


def test_a_missing_extra_is_one_sentence_with_the_command() -> None:
    assert str(core.MissingExtraError("to_pandas()", "pandas")) == (
        'to_pandas() needs an extra: pip install "mmbench[pandas]"'
    )


def test_everything_public_is_exported_once_and_documented() -> None:
    assert core.__all__ == sorted(set(core.__all__))
    for name in core.__all__:
        value = getattr(core, name)
        assert not inspect.isclass(value) or inspect.getdoc(value), name
