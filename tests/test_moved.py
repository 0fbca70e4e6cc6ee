"""Old import paths raise an error that names the new one."""

import importlib
import sys
from importlib.util import find_spec

import pytest

import mmbench
from mmbench._moved import MOVED, MovedError, MovedFinder, install


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("mmbench.tasks.vqa.task", "mmbench.tasks", "mmbench_tasks"),
        ("mmbench.baselines", "mmbench.baselines", "mmbench_baselines"),
        ("mmbench.compare.differences", "mmbench.compare", "mmbench.comparison"),
        ("mmbench.compare.gate.rules", "mmbench.compare.gate", "mmbench.gating"),
        ("mmbench.report", "mmbench.report", "mmbench.reporting"),
        ("mmbench.runner.predictions", "mmbench.runner.predictions", "mmbench.scoring.predictions"),
        ("mmbench.models.resolve", "mmbench.models.resolve", "mmbench.resolve.model_names"),
    ],
)
def test_an_old_path_names_the_new_one(name: str, old: str, new: str) -> None:
    with pytest.raises(MovedError) as raised:
        importlib.import_module(name)
    assert raised.value.today[old] == new
    assert new in str(raised.value)


def test_names_imported_from_the_package_are_told_as_well() -> None:
    with pytest.raises(MovedError):
        exec("from mmbench import tasks")


@pytest.mark.parametrize("name", ["mmbench.nonsense", "mmbench.tasksmith", "mmbench.nonsense.tasks"])
def test_what_never_was_is_not_found_as_ever(name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


def test_every_new_path_exists_and_no_old_one_does() -> None:
    assert all(find_spec(new) for new in MOVED.values())
    assert not set(MOVED) & set(sys.modules)
    assert callable(mmbench.compare)


def test_the_finder_is_registered_once() -> None:
    install()
    assert sys.meta_path.count(MovedFinder) == 1
