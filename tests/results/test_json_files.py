"""JSON files of a run: strict when read, finite when written, replaced as a whole."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from helpers import edit_json, evaluate, write_questions
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import NotComparableError, RunFailedError
from mmbench.core.errors import AmbiguousRunError, RunNotFoundError
from mmbench.results import codec
from mmbench.results.codec import canonical_json, digest, pretty_json, read_record, write_atomic
from mmbench.results.find import find_run, load_run
from mmbench.results.rundir import RunDirectory, folder_name, make_folder
from mmbench.results.schema import PerfFile, PlanFile, RunFile, ScoresFile

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: "\ud800" not in json.dumps(value, ensure_ascii=False))


@pytest.mark.slow
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_the_order_of_keys_changes_no_digest(value: dict[str, Any]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)
    assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1.0, math.nan], {"a": {"b": math.inf}}])
@pytest.mark.parametrize("write", [canonical_json, pretty_json])
def test_no_number_is_written_that_json_does_not_have(write: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write(value)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    write_atomic(path, b"old")

    def refuse(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(RunFailedError, match="no space left to write"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b"\xff\xfe", "is damaged"),
        (b'{"schema_version": "1"}', "schema_version is '1'"),
        (b'{"schema_version": 0}', "schema_version is 0"),
        (b'{"schema_version": 1}', "missing required field"),
        (b'{"schema_version": 99, "anything": true}', "has schema 99; this mmbench reads up to"),
    ],
)
@pytest.mark.parametrize("kind", [RunFile, PlanFile, ScoresFile, PerfFile])
def test_what_cannot_be_understood_is_refused_with_exit_code_3(
    tmp_path: Path, kind: Any, content: bytes, said: str
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(NotComparableError, match=r"file\.json") as raised:
        read_record(path, kind)
    assert said in str(raised.value)
    assert raised.value.exit_code == 3


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotComparableError, match=r"nowhere\.json is damaged: it is missing"):
        read_record(tmp_path / "nowhere.json", RunFile)


def test_older_schemas_go_through_their_migrations_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(
        codec,
        "MIGRATIONS",
        {
            1: lambda old: {**old, "schema_version": 2, "steps": [1]},
            2: lambda old: {**old, "schema_version": 3, "steps": [*old["steps"], 2]},
        },
    )
    assert codec.migrate({"schema_version": 1}, tmp_path) == {"schema_version": 3, "steps": [1, 2]}
    assert codec.migrate({"schema_version": 3}, tmp_path) == {"schema_version": 3}


def test_every_version_before_todays_has_a_migration() -> None:
    assert set(codec.MIGRATIONS) == set(range(1, codec.SCHEMA_VERSION))


FILES = ("run.json", "perf.json", "tasks/vqa__mine/plan.json", "tasks/vqa__mine/scores/*.json")


def _objects(value: Any) -> list[dict[str, Any]]:
    """Every object inside a document that is a record, and not a free mapping of names."""
    found = []
    if isinstance(value, dict):
        found = [value]
        for key, inner in value.items():
            if key in (
                "spec",
                "identity",
                "options",
                "packages",
                "served_as",
                "chance",
                "prior",
                "units",
                "scored_by",
                "former_scoring",
                "readable_by",
                "generation",
                "settings",
                "notes",
            ):
                continue
            found += _objects(inner)
    elif isinstance(value, list):
        found = [inner for item in value for inner in _objects(item)]
    return found


@pytest.mark.parametrize("pattern", FILES)
def test_an_unknown_field_anywhere_in_a_file_is_refused(tmp_path: Path, pattern: str) -> None:
    run = evaluate("constant", write_questions(tmp_path, 12), tmp_path, batch_size=4).path
    (path,) = run.glob(pattern)
    kind: Any = {"run": RunFile, "perf": PerfFile, "plan": PlanFile}.get(path.stem, ScoresFile)
    whole = path.read_text(encoding="utf-8")
    read_record(path, kind)
    named = ("tasks", "slices", "specs")  # mappings of names to records: a new name there is no unknown field
    for place in range(len(_objects(json.loads(whole)))):
        document = json.loads(whole)
        objects = _objects(document)
        free = [document.get(name) for name in named]
        scenarios = [each for task in document.get("tasks", {}).values() for each in task.get("scenarios", ())]
        free += [
            *document.get("slices", {}).values(),
            *(each["parameters"] for each in document.get("specs", {}).values()),
            *(each["source"]["data_fields"] for each in document.get("tasks", {}).values() if "source" in each),
            *(scenario[name] for scenario in scenarios for name in ("figures", "where_s")),
            *(scenario["identity"]["settings"] for scenario in scenarios),
        ]
        if any(objects[place] is each for each in free):
            continue
        objects[place]["unheard_of"] = 1
        path.write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(NotComparableError, match="unheard_of"):
            read_record(path, kind)


def test_files_read_back_to_what_was_written(tmp_path: Path) -> None:
    run = evaluate("constant", write_questions(tmp_path, 12), tmp_path, batch_size=4).path
    directory = RunDirectory(run)
    document = directory.read()
    before = (run / "run.json").read_bytes()
    directory.write(document)
    assert (run / "run.json").read_bytes() == before
    entry = document.tasks["vqa/mine"]
    assert entry.scoring is not None
    scores = directory.read_scores("vqa/mine", entry.scoring)
    assert directory.write_scores(scores, directory.read_tables("vqa/mine", entry.scoring)) == entry.scoring


def test_scores_that_are_damaged_are_not_shown(tmp_path: Path) -> None:
    result = evaluate("constant", write_questions(tmp_path), tmp_path)
    (path,) = result.path.glob("tasks/*/scores/*.json")
    edit_json(path, lambda document: document["metrics"][0].update(value="high"))
    with pytest.raises(NotComparableError, match="is damaged"):
        load_run(result.path)


# --- names of folders ---


@given(st.text(min_size=1, max_size=120), st.text(min_size=1, max_size=120))
def test_any_name_makes_one_folder_and_different_names_different_ones(one: str, other: str) -> None:
    try:
        one.encode(), other.encode()
    except UnicodeEncodeError:
        return
    for name in (one, other):
        folder = folder_name(name)
        assert folder.strip(".")
        assert "/" not in folder
        assert "\0" not in folder
        assert len(folder.encode()) <= 100
    same = one.replace("/", "__") == other.replace("/", "__")
    assert (folder_name(one) == folder_name(other)) == same


def test_usual_names_stay_readable() -> None:
    assert folder_name("vqa/easy-vqa") == "vqa__easy-vqa"
    assert folder_name("hf/Qwen/Qwen2.5-VL") == "hf__Qwen__Qwen2.5-VL"
    assert folder_name("mymodel.py:Large").startswith("mymodel.py_Large-")


# --- finding a run ---


def test_a_run_is_found_by_its_path_its_name_or_the_start_of_it(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    out = tmp_path / "runs"
    run = evaluate("constant", data, tmp_path).path
    for reference in (str(run), str(run / "run.json"), run.name, "constant", "const"):
        assert find_run(reference, out).path == run
    newer = evaluate("constant", data, tmp_path, seed=1).path
    os.utime(newer / "run.json", (2e9, 2e9))
    assert find_run("constant", out).path == newer, "a model's name means its newest run"
    with pytest.raises(AmbiguousRunError) as ambiguous:
        find_run("const", out)
    assert ambiguous.value.matches == tuple(sorted((run.name, newer.name)))
    for name in ("nothing", "*"):
        with pytest.raises(RunNotFoundError) as missing:
            find_run(name, out)
        assert missing.value.name == name
    with pytest.raises(RunNotFoundError) as missing:
        find_run("constnat", out)
    assert missing.value.near == ["constant"]


@pytest.mark.parametrize(("name", "longer"), [("mymodel", "mymodel_v2"), ("ckpt-1000", "ckpt-10000"), ("a", "a--b")])
def test_an_exact_name_wins_over_the_beginning_of_another(tmp_path: Path, name: str, longer: str) -> None:
    folders = {each: tmp_path / f"{each}--0a1b2c3d" for each in (name, longer)}
    for folder in folders.values():
        folder.mkdir()
        (folder / "run.json").write_text("{}", encoding="utf-8")
    for each, folder in folders.items():
        assert find_run(each, tmp_path).path == folder
        assert find_run(folder.name, tmp_path, whole=True).path == folder
    with pytest.raises(RunNotFoundError):
        find_run(name[:-1], tmp_path, whole=True)


def test_a_folder_without_run_json_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"is not a run directory: it has no run\.json"):
        RunDirectory.open(tmp_path)


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
