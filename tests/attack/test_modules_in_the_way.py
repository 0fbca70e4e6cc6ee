"""Files in the working directory: none stands in for somebody else's module, none is executed unless it was named."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, mmbench, start_python, write_model, write_questions

TRAP = "import pathlib\npathlib.Path(__file__ + '.EXECUTED').touch()\nraise RuntimeError('a trap')\n"
NAMES = ("rich", "json", "numpy", "click", "msgspec", "PIL", "torch", "filelock", "yaml", "random", "mmbench_tasks")


def set_traps(folder: Path) -> None:
    for name in NAMES:
        (folder / f"{name}.py").write_text(TRAP, encoding="utf-8")


def executed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.EXECUTED"))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["-m mmbench", "console script"])
def test_no_command_executes_what_it_was_not_asked_to(how: str, tmp_path: Path) -> None:
    write_questions(tmp_path, 3)
    write_model(
        tmp_path, "import helper\nclass M:\n    def generate(self, r):\n        return [helper.WORD] * len(r)\n"
    )
    (tmp_path / "helper.py").write_text("WORD = 'red'\n", encoding="utf-8")
    set_traps(tmp_path)
    script = ["-c", "import sys; sys.path.remove(''); from mmbench.__main__ import main; sys.exit(main())"]
    for command in (
        ["run", "-m", "mymodel", "-t", "vqa", "--data", "mine.jsonl"],
        ["list", "models"],
        ["show", "mymodel"],
        ["show", "mymodel", "--sample", "q1"],
        ["report", "mymodel", "--format", "json"],
        ["check", "mymodel.py", "--limit", "4"],
    ):
        if how == "console script":
            child = start_python(*script, *command, folder=tmp_path)
            out, err = child.communicate(timeout=120)
            ended = Ended(child.returncode, out, err)
        else:
            ended = mmbench(*command, folder=tmp_path)
        assert ended.code == 0, (command, ended.err)
    assert executed(tmp_path) == []


def test_a_plugin_is_checked_without_what_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``mmbench doctor`` and ``list --check`` do, in a process of its own."""
    from mmbench import registry

    set_traps(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert registry.check([registry.find("model", "random")]) == [None]
    assert executed(tmp_path) == []


@pytest.mark.slow
def test_doctor_executes_nothing_of_the_working_directory(tmp_path: Path) -> None:
    set_traps(tmp_path)
    assert mmbench("doctor", folder=tmp_path).code in (0, 2)
    assert executed(tmp_path) == []


def test_the_folder_of_a_model_is_importable_only_while_it_is_imported(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    write_questions(tmp_path, 2)
    write_model(
        tmp_path / "elsewhere",
        """
        import sys
        import beside
        class M:
            def __init__(self):
                import beside_too
                self.word = beside_too.WORD
            def generate(self, requests):
                assert not any("elsewhere" in path for path in sys.path)
                return [self.word] * len(requests)
        """,
    )
    (tmp_path / "elsewhere" / "beside.py").touch()
    (tmp_path / "elsewhere" / "beside_too.py").write_text("WORD = 'red'\n", encoding="utf-8")
    before = [*sys.path]
    ended = call("run", "-m", "elsewhere/mymodel.py", "-t", "vqa", "--data", "mine.jsonl")
    assert ended.code == 0, ended.err
    assert sys.path == before


@pytest.mark.parametrize("name", ["builtins:exec", "builtins", "os:system", "sys:exit", "json:loads", "builtins:print"])
def test_a_module_that_holds_no_model_is_a_sentence(name: str, call: Callable[..., Ended]) -> None:
    call("run", "-m", name, "-t", "vqa").refused(2)


def test_a_trap_that_is_named_is_said_to_fail(call: Callable[..., Ended], tmp_path: Path) -> None:
    set_traps(tmp_path)
    call("run", "-m", "json.py", "-t", "vqa").refused(2, "a trap")
    assert executed(tmp_path) == ["json.py.EXECUTED"]
