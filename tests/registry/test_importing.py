"""What a reference stands for is imported, and whatever goes wrong is one sentence."""

import sys
from pathlib import Path

import pytest

from mmbench import registry
from mmbench.core import PluginError, UnknownNameError


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


def test_an_attribute_that_imports_what_is_missing_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "lazy_attributes.py"
    path.write_text("def __getattr__(name):\n    import nothing_of_this_name\n", encoding="utf-8")
    with pytest.raises(PluginError) as raised:
        registry.load_reference(f"{path}:Model", "it")
    assert "nothing_of_this_name" in str(raised.value)
