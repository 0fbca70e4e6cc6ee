"""Runs that are named by a model whose file has changed since: refused by name, a note by path."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from helpers import Ended
from stored import TASK, score_table, write_run

from mmbench.results.rundir import RunDirectory
from mmbench.results.source_files import source_digest

Call = Callable[..., Ended]

MODEL = "class M:\n    def generate(self, requests):\n        return ['1' for _ in requests]\n"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Runs of ``mine.py``, of a package and of a registered model, each made with the file as it is."""
    out = tmp_path / "results" / "runs"
    (tmp_path / "mine.py").write_text(MODEL)
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from pack.inner import M\n")
    (tmp_path / "pack" / "inner.py").write_text(MODEL)
    written(out, "mine", "mine.py:M", source_digest(tmp_path / "mine.py"))
    written(out, "pack:M", "pack:M", source_digest(tmp_path / "pack" / "__init__.py"))
    written(out, "concat", "somewhere:Concat (mmbench==0.1.0)", None)
    return out


def written(out: Path, name: str, reference: str, digest: str | None) -> None:
    path = write_run(out, name, {TASK: [score_table([1.0] * 90 + [0.0] * 10)]})
    directory = RunDirectory(path)
    run = directory.read()
    model = msgspec.structs.replace(run.model, reference=reference, source_digest=digest)
    directory.write(msgspec.structs.replace(run, model=model))


def test_as_long_as_the_file_is_the_same_a_name_is_enough(call: Call, runs: Path) -> None:
    assert call("gate", "mine", "--baseline", "concat").code == 0
    assert call("compare", "concat", "mine").code == 0


@pytest.mark.parametrize(("name", "file"), [("mine", "mine.py"), ("pack:M", "pack/inner.py")])
def test_a_file_that_changed_since_is_refused_by_name_and_noted_by_path(
    call: Call, runs: Path, tmp_path: Path, name: str, file: str
) -> None:
    with (tmp_path / file).open("a") as text:
        text.write("# better\n")
    call("gate", name, "--baseline", "concat").refused(3, "has changed since", "--allow stale")
    call("gate", "concat", "--baseline", name).refused(3, "has changed since")
    call("compare", "concat", name).refused(3, "has changed since")
    call("gate", name[:3], "--baseline", "concat").refused(3, "has changed since")
    (path,) = runs.glob(f"{name[:4]}*")
    for reference in (path, path / "run.json", path.name):
        document = call("gate", reference, "--baseline", "concat", "--json").document()
        assert (document["exit_code"], len([note for note in document["notes"] if "changed" in note])) == (0, 1)
        assert len(call("compare", "concat", reference, "--json").document()["notes"]) == 1
    allowed = call("gate", name, "--baseline", "concat", "--allow", "stale", "--json").document()
    assert (allowed["exit_code"], len([note for note in allowed["notes"] if "changed" in note])) == (0, 1)
    assert "changed: its values" in call("compare", "concat", name, "--allow", "stale").out


def test_a_file_of_python_names_the_model_in_it(call: Call, runs: Path, tmp_path: Path) -> None:
    """As ``mmbench run --model mine.py`` does, also where the file lies in the working directory."""
    written(runs, "mine.py", "mine.py:M", source_digest(tmp_path / "mine.py"))
    assert call("gate", "mine.py", "--baseline", "concat").code == 0
    (tmp_path / "mine.py").write_text(MODEL + "# better\n")
    call("gate", "mine.py", "--baseline", "concat").refused(3, "has changed since")
    assert call("gate", "mine.py", "--baseline", "concat", "--allow", "stale").code == 0
    (tmp_path / "other.py").write_text(MODEL)
    call("gate", "other.py", "--baseline", "concat").refused(2, "no run")


def test_a_saved_baseline_is_meant_to_be_older_than_the_model(call: Call, runs: Path, tmp_path: Path) -> None:
    assert call("baseline", "save", "mine", "b.json").code == 0
    (tmp_path / "mine.py").write_text(MODEL + "# better\n")
    document = call("gate", "concat", "--baseline", "b.json", "--json").document()
    assert (document["exit_code"], [note for note in document["notes"] if "changed" in note]) == (0, [])


def test_stored_answers_that_changed_since_are_another_model(call: Call, runs: Path, tmp_path: Path) -> None:
    from mmbench.resolve.model_names import resolve_model

    (tmp_path / "answers.jsonl").write_text('{"id": "s0", "prediction": "1"}\n')
    model = resolve_model("replay", {"file": "answers.jsonl"})
    directory = RunDirectory(write_run(runs, "replay", {TASK: [score_table([1.0] * 90 + [0.0] * 10)]}))
    run = directory.read()
    entry = msgspec.structs.replace(
        run.model, reference=model.reference, version=model.identity.version, digest=model.digest, options=model.options
    )
    directory.write(msgspec.structs.replace(run, model=entry))
    assert call("gate", "replay", "--baseline", "concat").code == 0
    (tmp_path / "answers.jsonl").write_text('{"id": "s0", "prediction": "2"}\n')
    call("gate", "replay", "--baseline", "concat").refused(3, "answers.jsonl has changed since")
    assert call("gate", directory.path, "--baseline", "concat").code == 0
    (tmp_path / "answers.jsonl").unlink()
    assert call("gate", "replay", "--baseline", "concat").code == 0


def test_a_file_that_is_gone_tells_nothing(call: Call, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").unlink()
    assert call("gate", "mine", "--baseline", "concat").code == 0


def test_an_allowance_of_another_name_is_not_enough(call: Call, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    call("gate", "mine", "--baseline", "concat", "--allow", "prompt").refused(3, "has changed since")
    call("gate", "mine", "--baseline", "concat", "--allow", "old").refused(2, "stale")


@pytest.mark.slow
def test_a_run_records_the_file_that_it_was_made_with(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODEL)
    assert call("run", "--model", "mine", "--tasks", "vqa/scenes", "--limit", "20", "-q").code == 0
    assert call("gate", "mine", "--require", "vqa/scenes:accuracy >= 0").code == 0
    (tmp_path / "mine.py").write_text(MODEL + "# changed\n")
    call("gate", "mine", "--require", "vqa/scenes:accuracy >= 0").refused(3, "mine.py has changed")
    assert call("run", "--model", "mine", "--tasks", "vqa/scenes", "--limit", "20", "-q").code == 0
    assert call("gate", "mine", "--require", "vqa/scenes:accuracy >= 0").code == 0
