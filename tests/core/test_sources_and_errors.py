"""Data sources are parsed where they are made; every error knows its exit code and its fields."""

import inspect
import pickle
import re

import pytest

from mmbench import core
from mmbench.core import DataSource, MmbenchError, OptionError
from mmbench.core.errors import missing_package


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
    with pytest.raises(ValueError, match=re.escape(text) or "^$"):
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
        "OptionError": 2,
        "RenamedOptionError": 2,
        "UnknownNameError": 2,
        "RunNotFoundError": 2,
        "AmbiguousRunError": 2,
        "DataError": 2,
        "PluginError": 2,
        "CardError": 2,
        "CheckpointError": 2,
        "ForeignSourceError": 2,
        "MissingExtraError": 2,
        "MissingPackageError": 2,
        "NotComparableError": 3,
        "MissingBaselineError": 3,
        "DamagedFileError": 3,
        "NewerSchemaError": 3,
        "ShardRunError": 3,
        "StaleRunError": 3,
        "RunFailedError": 4,
        "MediaError": 4,
        "ModelUnusableError": 4,
        "TransientError": 4,
    }


ERRORS: list[MmbenchError] = [
    OptionError("--limit", 0, "at least 1"),
    OptionError("MMBENCH_DATA", ["a=", "b"], "PATH or NAME=PATH"),
    core.RenamedOptionError("--workers", "--loader-threads", "option"),
    core.UnknownNameError("task", "vqaa", ["vqa"], hint="See: mmbench list tasks"),
    core.RunNotFoundError("mymodl", "results/runs", ["mymodel"]),
    core.AmbiguousRunError("my", "results/runs", ["my_a--1", "my_b--2"]),
    core.DataError("not valid JSON", "my.jsonl", 3),
    core.DataError("no file is given"),
    core.MissingExtraError("samples()", "pandas"),
    core.MissingPackageError("PIL", "pillow"),
    core.NotComparableError("the runs do not compare", ["other data", "other prompt"]),
    core.MissingBaselineError("gates/x.json", "results/runs", "mmbench baseline save RUN FILE"),
    core.DamagedFileError("run.json", "not an object"),
    core.NewerSchemaError("run.json", 9, 4),
    core.StaleRunError("mine", "results/runs/mine--1", "mine.py"),
    core.TransientError("busy", slow_down=True, retry_after_s=2.0),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_way_to_another_process(error: MmbenchError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_message_is_one_line_and_holds_what_the_user_typed(error: MmbenchError) -> None:
    assert "\n" not in str(error)
    for field in ("name", "option", "path", "problem", "extra", "package"):
        assert str(getattr(error, field, None) or "") in str(error)


def test_an_unknown_name_knows_what_is_near() -> None:
    error = core.UnknownNameError("task", "vqaa", ["vqa", "retrieval"])
    assert (error.kind, error.name, error.near) == ("task", "vqaa", ["vqa"])


def test_the_place_of_broken_data_is_a_line_or_words() -> None:
    error = core.DataError("not valid JSON", "my.jsonl", 3)
    assert (error.path, error.place, error.problem) == ("my.jsonl", "line 3", "not valid JSON")
    assert core.DataError("expected an object", "my.json", "item 3").place == "item 3"


@pytest.mark.parametrize(
    ("module", "package"),
    [("numpy", "numpy"), ("PIL.Image", "pillow"), ("msgspec", "msgspec"), ("torch", None), ("mymodule", None)],
)
def test_only_packages_that_are_always_needed_are_missing_packages(module: str, package: str | None) -> None:
    found = missing_package(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert (found.package if found else None) == package


def test_everything_public_is_exported_once_and_documented() -> None:
    assert len(core.__all__) == len(set(core.__all__))
    for name in core.__all__:
        value = getattr(core, name)
        assert not inspect.isclass(value) or inspect.getdoc(value), name
