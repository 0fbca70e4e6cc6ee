"""From names to models: suites stand for theirs, and what users name themselves comes first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import worlds

from mmbench import registry
from mmbench.core import PluginError, UnknownNameError
from mmbench.resolve.suites import Wanted, find_suite, wanted_models


@pytest.fixture(autouse=True)
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    worlds.install(tmp_path, monkeypatch)
    yield
    registry.plugins.cache_clear()


def names(given, aliases=()):
    return [(wanted.model, wanted.suite) for wanted in wanted_models(given, aliases)]


def test_a_suite_stands_for_its_models_in_its_order():
    of_suite = [("ear", "world"), ("eye", "world"), ("both", "world"), ("towers", "world")]
    assert names(["world"]) == of_suite
    assert names(["random, world"]) == [("random", None), *of_suite]
    assert names(["world", "random"]) == [*of_suite, ("random", None)]


def test_a_model_that_is_named_itself_is_not_there_twice():
    assert names(["world,both"]) == [("ear", "world"), ("eye", "world"), ("towers", "world"), ("both", None)]
    assert len(names(["world", "small"])) == 4
    assert names(["random,random"]) == [("random", None)] * 2, "the user's own repetition is the user's to see"


def test_an_alias_and_a_registered_model_hide_a_suite_of_their_name():
    assert names(["eye"]) == [("eye", None)]
    assert names(["world"], {"world": {"model": "random"}}) == [("world", None)]


def test_objects_stay_what_they_are():
    thing = object()
    assert wanted_models([thing]) == [Wanted(thing)]


def test_what_is_no_suite_is_refused():
    with pytest.raises(
        UnknownNameError, match=r"unknown suite 'wrld'\. Did you mean 'world'\? See: mmbench list suites"
    ):
        find_suite("wrld")
    with pytest.raises(PluginError, match=r"suite 'broken' \(world==1\.0\) is a tuple; expected a Suite"):
        find_suite("broken")
