"""A package that mmbench always needs and that is not installed: one sentence and exit code 2, never "a bug in mmbench"."""

from pathlib import Path

import pytest
from helpers import mmbench, start_python, write_questions


def hide(folder: Path, module: str) -> str:
    """A folder for PYTHONPATH in which this module is as if it were not installed."""
    folder.mkdir()
    (folder / f"{module}.py").write_text(f"raise ModuleNotFoundError(name={module!r})\n")
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["filelock", "msgspec", "numpy"])
def test_a_run_names_the_package_that_is_missing(tmp_path: Path, module: str) -> None:
    write_questions(tmp_path)
    arguments = ["run", "--model", "constant", "--tasks", "vqa", "--data", "mine.jsonl"]
    ended = mmbench(*arguments, folder=tmp_path, PYTHONPATH=hide(tmp_path / "hidden", module))
    ended.refused(2, f'pip install "{module}"')


def test_even_the_command_line_itself_may_be_what_cannot_be_imported(tmp_path: Path) -> None:
    child = start_python("-m", "mmbench", "--help", folder=tmp_path, PYTHONPATH=hide(tmp_path / "hidden", "click"))
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (2, "")
    assert err.splitlines() == [
        "error: mmbench needs the package 'click', which cannot be imported: pip install \"click\""
    ]
