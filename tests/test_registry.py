"""Names to plug-ins: nothing is imported before it is used, and what is broken is shown, never dropped."""

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mmbench import registry
from mmbench.core import PluginError, UnknownNameError


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Distributions are looked up anew, before and after."""
    registry.plugins.cache_clear()
    yield
    registry.plugins.cache_clear()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_registry: None) -> Path:
    """A folder on the path, for distributions of strangers."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def distribution(folder: Path, name: str, points: str, **modules: str) -> None:
    """Install a distribution that registers plug-ins: its metadata and its modules, nothing else."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source, encoding="utf-8")


def test_the_plugins_of_a_stranger_are_found_without_importing_them(elsewhere: Path) -> None:
    points = "[mmbench.models]\nstrange = strange_module:Strange\n"
    distribution(elsewhere, "stranger", points, strange_module='"""A strange model."""\nclass Strange: ...')
    found = {plugin.name: plugin for plugin in registry.plugins("model")}
    assert found["strange"].distribution == "stranger==1.0"
    assert "random" in found
    assert registry.describe(found["strange"]) == ("A strange model.", None)
    assert "strange_module" not in sys.modules
    assert registry.load(found["strange"]).__name__ == "Strange"


def test_a_name_that_two_distributions_claim_is_an_error_when_used(elsewhere: Path) -> None:
    distribution(elsewhere, "one", "[mmbench.models]\ntwice = one_module:One\n", one_module="class One: ...")
    distribution(elsewhere, "two", "[mmbench.models]\ntwice = two_module:Two\n", two_module="class Two: ...")
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
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    distribution(elsewhere, "broken", "[mmbench.tasks]\nbroken = broken_module:Task\n", broken_module=source)
    (plugin,) = (plugin for plugin in registry.plugins("task") if plugin.name == "broken")
    assert said in (registry.check(plugin) or "")


def test_a_plugin_that_takes_too_long_is_reported(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    points = "[mmbench.tasks]\nslow = slow_module:Task\n"
    distribution(elsewhere, "slow", points, slow_module="import time; time.sleep(60)")
    (plugin,) = (plugin for plugin in registry.plugins("task") if plugin.name == "slow")
    assert registry.check(plugin, timeout_s=0.5) == "importing it took more than 0.5 s"


def test_a_plugin_whose_module_is_gone_is_described_as_broken(elsewhere: Path) -> None:
    distribution(elsewhere, "gone", "[mmbench.datasets]\ngone = gone_module:data\nlost = gone_package.inner:data\n")
    gone, lost = (plugin for plugin in registry.plugins("dataset") if plugin.name in ("gone", "lost"))
    assert registry.describe(gone) == ("", "there is no module gone_module")
    assert "gone_package" in (registry.describe(lost)[1] or "")


def test_a_plugin_with_a_syntax_error_is_described_as_broken(elsewhere: Path) -> None:
    distribution(elsewhere, "bad", "[mmbench.tasks]\nbad = bad_module:task\n", bad_module="def broken(:")
    (plugin,) = (plugin for plugin in registry.plugins("task") if plugin.name == "bad")
    assert "SyntaxError" in (registry.describe(plugin)[1] or "")


def test_our_own_plugins_all_load_and_describe_themselves() -> None:
    for kind in registry.GROUPS:
        assert registry.plugins(kind)
        for plugin in registry.plugins(kind):
            description, broken = registry.describe(plugin)
            assert broken is None
            assert description.endswith("."), plugin
            assert registry.load(plugin) is not None


def test_the_groups_are_those_of_the_metadata() -> None:
    for group in registry.GROUPS.values():
        assert [point for point in entry_points(group=group) if point.dist and point.dist.name == "mmbench"]


def test_an_unknown_name_says_where_the_known_ones_are_listed() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'vqaa'\. Did you mean 'vqa'\? See: mmbench list tasks"):
        registry.find("task", "vqaa")


def test_a_reference_may_name_a_file_a_module_or_an_attribute_of_either(tmp_path: Path) -> None:
    path = tmp_path / "some.things.py"
    path.write_text("class A:\n    class B: ...\n", encoding="utf-8")
    value, module = registry.load_reference(f"{path}:A.B", "it")
    assert value.__qualname__ == "A.B"
    assert registry.load_reference(str(path), "it")[0].A.B.__qualname__ == "A.B"
    assert registry.load_reference("json:dumps", "it")[0].__name__ == "dumps"
    with pytest.raises(PluginError, match=r"it: there is no file nowhere\.py"):
        registry.load_reference("nowhere.py", "it")
    with pytest.raises(UnknownNameError, match=r"unknown attribute of some\.things\.py 'C'"):
        registry.load_reference(f"{path}:C", "it")
    assert module.__name__ in sys.modules


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.py").write_text(f"WHERE = {name!r}", encoding="utf-8")
    found = [registry.import_file(tmp_path / name / "same.py", "it").WHERE for name in ("a", "b", "a")]
    assert found == ["a", "b", "a"]


def test_a_file_named_like_a_library_does_not_replace_it(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("x = 1", encoding="utf-8")
    before = sys.modules["json"]
    assert registry.import_file(tmp_path / "json.py", "it").x == 1
    assert sys.modules["json"] is before
