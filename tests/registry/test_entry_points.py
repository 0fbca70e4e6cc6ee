"""Names to plug-ins: nothing is imported before it is used, and what is broken is shown, never dropped."""

import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mmbench import registry
from mmbench.core import PluginError, UnknownNameError

Install = Callable[..., None]


def test_the_plugins_of_a_stranger_are_found_without_importing_them(install: Install) -> None:
    points = "[mmbench.models]\nstrange = strange_module:Strange\n"
    install("stranger", points, strange_module='"""A strange model."""\nclass Strange: ...')
    found = {plugin.name: plugin for plugin in registry.plugins("model")}
    assert found["strange"].distribution == "stranger==1.0"
    assert "random" in found
    assert registry.describe(found["strange"]) == ("A strange model.", None)
    assert "strange_module" not in sys.modules
    assert registry.load(found["strange"]).__name__ == "Strange"


def test_a_name_that_two_distributions_claim_is_an_error_when_used(install: Install) -> None:
    install("one", "[mmbench.models]\ntwice = one_module:One\n", one_module="class One: ...")
    install("two", "[mmbench.models]\ntwice = two_module:Two\n", two_module="class Two: ...")
    with pytest.raises(
        PluginError, match=r"model 'twice' is registered by both \w+==1\.0 and \w+==1\.0; uninstall one"
    ):
        registry.find("model", "twice")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def broken(:", "SyntaxError"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import os; os._exit(9)", "exit status 9"),
        ("class Other: ...", "unknown attribute"),
    ],
)
def test_a_broken_plugin_is_reported_by_a_check_in_a_process_of_its_own(
    install: Install, source: str, said: str
) -> None:
    install("broken", "[mmbench.tasks]\nbroken = broken_module:Task\n", broken_module=source)
    (plugin,) = (plugin for plugin in registry.plugins("task") if plugin.name == "broken")
    assert said in (registry.check([plugin])[0] or "")


@pytest.mark.slow
def test_one_child_checks_all_plugins_and_what_ends_or_spoils_it_is_told_from_the_rest(install: Install) -> None:
    sources = {
        "a_first": "class It: ...",
        "b_ends": "import os; os._exit(3)",
        "c_prints": "import os; os.write(1, b'null'); print('null'); class_ = 1\nclass It: ...",
        "d_spoils": "import json, sys; sys.modules['e_spoiled'] = json\nclass It: ...",
        "e_spoiled": "class It: ...",
        "f_raises": "1 / 0",
        "g_last": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\nclass It: ...",
    }
    points = "".join(f"{name} = {name}:It\n" for name in sources)
    install("several", f"[mmbench.models]\n{points}", **sources)
    plugins = [plugin for plugin in registry.plugins("model") if plugin.name in sources]
    problems = dict(zip((plugin.name for plugin in plugins), registry.check(plugins), strict=True))
    assert {name for name, problem in problems.items() if problem} == {"b_ends", "f_raises"}
    assert "exit status 3" in str(problems["b_ends"])
    assert "ZeroDivisionError" in str(problems["f_raises"])


@pytest.mark.slow
def test_a_plugin_that_takes_too_long_is_reported(install: Install) -> None:
    points = "[mmbench.tasks]\nslow = slow_module:Task\n"
    install("slow", points, slow_module="import time; time.sleep(60)")
    (plugin,) = (plugin for plugin in registry.plugins("task") if plugin.name == "slow")
    assert registry.check([plugin], timeout_s=0.5) == ["importing it took more than 0.5 s"]


@pytest.mark.slow
def test_our_own_plugins_all_load_and_describe_themselves() -> None:
    for kind in registry.GROUPS:
        assert registry.plugins(kind)
        for plugin in registry.plugins(kind):
            description, broken = registry.describe(plugin)
            assert broken is None
            assert description, plugin
            assert registry.load(plugin) is not None


def test_the_groups_are_those_of_the_metadata() -> None:
    for group in registry.GROUPS.values():
        assert [point for point in entry_points(group=group) if point.dist and point.dist.name == "mmbench"]


def test_an_unknown_name_says_where_the_known_ones_are_listed() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'vqaa'\. Did you mean 'vqa'.*\? See: mmbench list tasks"):
        registry.find("task", "vqaa")


def test_metadata_that_cannot_be_read_hides_no_other_plugin(install: Install, elsewhere: Path) -> None:
    install("torn", "[mmbench.tasks]\nneither name nor value\n")
    install("whole", "[mmbench.tasks]\nsound = sound_module:task\n")
    assert {"sound", "vqa"} <= {plugin.name for plugin in registry.plugins("task")}
    (problem,) = registry.broken_metadata()
    assert str(elsewhere) in problem


def test_one_distribution_that_is_found_twice_claims_nothing_twice(install: Install, elsewhere: Path) -> None:
    install("seen", "[mmbench.tasks]\nonce = first_module:task\n")
    (elsewhere / "seen-1.0.dist-info").rename(elsewhere / "seen-0.9.dist-info")
    install("seen", "[mmbench.tasks]\nonce = second_module:task\n")
    assert registry.find("task", "once").duplicate_of is None


def test_extras_of_an_entry_point_are_not_part_of_its_attribute(install: Install) -> None:
    install("extra", "[mmbench.models]\nwith-extra = extra_module:Model [gpu]\n", extra_module="class Model: ...")
    assert registry.load(registry.find("model", "with-extra")).__name__ == "Model"
