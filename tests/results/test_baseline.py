"""Baselines in one file: the gate says the same of it as of the run, and only a whole run becomes one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import Colours, edit_json, evaluate, write_questions
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.comparison.differences import compare_runs
from mmbench.core import NotComparableError, UsageError
from mmbench.core.score_table import ScoreTable
from mmbench.gating.judge import gate
from mmbench.gating.rules import parse_requirement
from mmbench.metrics import mean_metric, median_metric
from mmbench.results.baseline import save_baseline
from mmbench.results.codec import digest
from mmbench.results.find import load_run
from mmbench.results.saved import load_saved
from mmbench.results.schema import SCHEMA_VERSION

METRICS = (
    ACCURACY,
    mean_metric("wide", "sample", "wide"),
    median_metric("median_rank(direction=i2t)", "query_i2t", "rank"),
)


def tables(seed):
    """Clustered samples with slices and ranks; seeds agree on everything but the scores."""
    generator = np.random.default_rng(seed)
    ids = [f"s{n}" for n in range(300)]
    clusters = [f"c{n // 3 * 7 % 101}" for n in range(300)]
    right = (generator.random(300) < 0.7).astype(float)
    sample = score_table(
        dict(zip(ids, right.tolist(), strict=True)), clusters, slices={"skill": [f"k{n % 4}" for n in range(300)]}
    )
    sample = ScoreTable(**{**_fields(sample), "columns": {"accuracy": right, "wide": generator.random(300)}})
    rank = ScoreTable("query_i2t", ids, clusters, ["scored"] * 300, {"rank": generator.integers(1, 40, 300) * 1.0})
    return [sample, rank]


def _fields(table):
    return {name: getattr(table, name) for name in table.__slots__}


@pytest.fixture
def runs(tmp_path):
    for seed, name in enumerate(("before", "after")):
        write_run(tmp_path / "runs", name, {TASK: tables(seed)}, METRICS)
    return tmp_path / "runs"


def saved(runs, name="before"):
    return save_baseline(name, runs.parent / f"{name}.json", runs)


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_the_gate_says_exactly_the_same_of_the_file_and_of_the_run(runs, tmp_path):
    kept = contents(runs)
    saved(runs)
    run = load_run("after", runs)
    rules = [
        parse_requirement(f"{TASK}:{rule}")
        for rule in (
            "accuracy drop<1pt",
            "wide non-inferiority drop<5pt",
            "median_rank(direction=i2t) drop<1pt",
            "wide >= 0.2",
        )
    ]
    outcomes = set()
    for together in (rules, [parse_requirement(f"{TASK}:accuracy exact")], []):
        of_file = gate([run], [load_run(tmp_path / "before.json", runs)], together)
        of_run = gate([run], [load_run("before", runs)], together)
        assert [each.to_dict() for each in of_file.verdicts] == [each.to_dict() for each in of_run.verdicts]
        outcomes |= {each.outcome for each in of_file.verdicts}
    assert outcomes == {"passed", "violated", "undecided"}
    assert contents(runs) == kept


@pytest.mark.slow
def test_comparisons_by_slice_are_the_same_too_in_either_place(runs, tmp_path):
    saved(runs)
    file, run, other = load_run(tmp_path / "before.json", runs), load_run("before", runs), load_run("after", runs)

    def numbers(found):
        return [{**each.to_dict(), "a": each.a.value, "b": each.b.value} for each in (*found.metrics, *found.slices)]

    assert numbers(compare_runs(file, other)) == numbers(compare_runs(run, other))
    assert numbers(compare_runs(other, file)) == numbers(compare_runs(other, run))
    assert len(compare_runs(file, other).slices) == 4


def test_two_files_compare_with_each_other(runs, tmp_path):
    saved(runs)
    saved(runs, "after")
    files = compare_runs(load_saved(tmp_path / "before.json"), load_saved(tmp_path / "after.json"), slices=False)
    whole = compare_runs(load_run("before", runs), load_run("after", runs), slices=False)
    for one, other in zip(files.metrics, whole.metrics, strict=True):
        assert (one.a.value, one.b.value, one.gained, one.lost) == (
            other.a.value,
            other.b.value,
            other.gained,
            other.lost,
        )
    for one, other in zip(files.metrics[:2], whole.metrics[:2], strict=True):  # clusters are added up in another order
        assert one.difference.value == other.difference.value
        assert one.difference.se == pytest.approx(other.difference.se, rel=1e-12)
        assert one.difference.p_value == pytest.approx(other.difference.p_value, rel=1e-9)


def test_the_file_keeps_what_leaderboards_need(tmp_path):
    data = write_questions(tmp_path, 24)
    run = evaluate(Colours(), data, tmp_path, seed=3).path
    side = save_baseline(str(run), tmp_path / "b.json", tmp_path).after
    whole = load_run(run, tmp_path)
    (name,) = whole.tasks
    assert (side.label, side.seed, side.model) == (whole.label, 3, whole.model)
    assert side.record.machine == whole.record.machine
    task, original = side.tasks[name], whole.tasks[name]
    assert (task.learned, task.primary) == (original.learned, original.primary)
    assert original.perf is not None
    assert not any(scenario.valid for scenario in original.perf.scenarios)
    assert task.perf is None, "speeds of three calls are not to be quoted"
    assert (task.metrics, task.specs, task.comparability_key) == (
        original.metrics,
        original.specs,
        original.comparability_key,
    )


def test_the_file_names_no_folder_of_the_machine(tmp_path):
    data = write_questions(tmp_path, 8)
    run = evaluate(Colours(), data, tmp_path).path
    save_baseline(str(run), tmp_path / "b.json", tmp_path)
    assert str(tmp_path) not in (tmp_path / "b.json").read_text(encoding="utf-8")


def test_the_same_run_gives_the_same_bytes(runs, tmp_path):
    saved(runs)
    first = (tmp_path / "before.json").read_bytes()
    again = saved(runs)
    assert (tmp_path / "before.json").read_bytes() == first
    assert again.before is not None


def test_overwriting_gives_old_and_new(runs, tmp_path):
    save_baseline("before", tmp_path / "b.json", runs)
    done = save_baseline("after", tmp_path / "b.json", runs)
    assert done.before is not None
    assert (done.before.label, done.after.label) == ("before", "after")


# --- refused ---


@pytest.mark.parametrize("status", ["running", "partial", "interrupted", "stopped", "failed"])
def test_a_run_that_did_not_end_well_is_no_baseline(runs, tmp_path, status):
    path = load_run("before", runs).path
    edit_json(path / "run.json", lambda run: run.update(status=status))
    said = "the run is incomplete" if status == "running" else f"the run is {status}"
    with pytest.raises(NotComparableError, match=said):
        saved(runs)
    edit_json(
        path / "run.json", lambda run: (run.update(status="complete"), run["tasks"][TASK].update(status="partial"))
    )
    with pytest.raises(NotComparableError, match=f"{TASK} is partial"):
        saved(runs)
    assert not (tmp_path / "before.json").exists()


def test_a_sample_that_failed_keeps_a_run_from_being_a_baseline(tmp_path):
    write_run(tmp_path / "runs", "m", {TASK: [score_table([1.0, None, 0.0])]})
    with pytest.raises(NotComparableError, match="lacks 1 samples"):
        save_baseline("m", tmp_path / "m.json", tmp_path / "runs")


def test_a_value_that_is_missing_keeps_a_run_from_being_a_baseline(tmp_path):
    write_run(tmp_path / "runs", "m", {TASK: [score_table([])]})
    with pytest.raises(NotComparableError, match="has no value: no unit was scored"):
        save_baseline("m", tmp_path / "m.json", tmp_path / "runs")


def test_an_incomplete_table_keeps_a_run_from_being_a_baseline(tmp_path):
    table = ScoreTable(**{**_fields(score_table([1.0, 0.0])), "incomplete": "a gallery item failed"})
    write_run(tmp_path / "runs", "m", {TASK: [table]})
    with pytest.raises(NotComparableError, match="a gallery item failed"):
        save_baseline("m", tmp_path / "m.json", tmp_path / "runs")


def test_a_refused_save_leaves_the_old_baseline(runs, tmp_path):
    saved(runs)
    before = (tmp_path / "before.json").read_bytes()
    edit_json(load_run("after", runs).path / "run.json", lambda run: run.update(status="partial"))
    with pytest.raises(NotComparableError):
        save_baseline("after", tmp_path / "before.json", runs)
    assert (tmp_path / "before.json").read_bytes() == before


@pytest.mark.parametrize("name", ["notes.json", "broken.json"])
def test_a_file_that_is_no_baseline_is_never_overwritten(runs, tmp_path, name):
    path = tmp_path / name
    path.write_text('{"my": "notes"}' if name == "notes.json" else '{"format": "mmbench-baseline", "version": 1}')
    before = path.read_bytes()
    with pytest.raises(NotComparableError, match="left as it is"):
        save_baseline("before", path, runs)
    assert path.read_bytes() == before


def test_the_folder_of_a_baseline_is_made(runs, tmp_path):
    save_baseline("before", tmp_path / "gates" / "new" / "b.json", runs)
    assert load_saved(tmp_path / "gates" / "new" / "b.json").label == "before"
    with pytest.raises(UsageError):
        save_baseline("nobody", tmp_path / "other" / "b.json", runs)
    assert not (tmp_path / "other").exists()


def test_a_run_of_fewer_samples_never_replaces_a_baseline_of_the_same_data(tmp_path):
    for name, n in (("full", 40), ("part", 4)):
        write_run(tmp_path / "runs", name, {TASK: [score_table([1.0, 0.0] * (n // 2))]})
    path = tmp_path / "b.json"
    save_baseline("part", path, tmp_path / "runs")
    save_baseline("full", path, tmp_path / "runs")
    kept = path.read_bytes()
    with pytest.raises(NotComparableError, match=r"holds 40 samples of stored/task, and .* only 4 of them"):
        save_baseline("part", path, tmp_path / "runs")
    assert path.read_bytes() == kept
    run = load_run("part", tmp_path / "runs").path
    edit_json(run / "run.json", lambda document: document["tasks"][TASK].update(fingerprint="other"))
    assert save_baseline("part", path, tmp_path / "runs").after.label == "part"


@pytest.mark.parametrize(
    ("entry", "partial"),
    [
        ({"split_samples": 40}, False),
        ({"split_samples": 400}, True),
        (
            {"split_samples": 0, "reason": "40 of the 9,673 samples of test: --limit 40"},
            True,
        ),  # before schema version 9
        ({"split_samples": 0, "reason": "3 calls of several requests failed"}, False),
    ],
)
def test_a_first_baseline_of_a_part_of_a_split_takes_an_allowance(tmp_path, entry, partial):
    out, path = tmp_path / "runs", tmp_path / "b.json"
    for name in ("first", "second"):
        write_run(out, name, {TASK: [score_table([1.0, 0.0] * 20)]})
        run = load_run(name, out).path
        edit_json(run / "run.json", lambda document: document["tasks"][TASK].update(entry))
    if partial:
        with pytest.raises(NotComparableError, match="--allow partial"):
            save_baseline("first", path, out)
        assert not path.exists()
    assert save_baseline("first", path, out, ["partial"] if partial else []).before is None
    assert save_baseline("second", path, out).before is not None  # of the same part as the one before
    edit_json(load_run("second", out).path / "run.json", lambda run: run["tasks"][TASK].update(fingerprint="other"))
    if partial:
        with pytest.raises(NotComparableError, match="--allow partial"):
            save_baseline("second", path, out)


def test_places_that_cannot_be_written(runs, tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(UsageError, match="cannot create the folder"):
        save_baseline("before", tmp_path / "taken" / "b.json", runs)
    with pytest.raises(UsageError, match="no file"):
        save_baseline("before", tmp_path, runs)
    run = load_run("before", runs).path
    with pytest.raises(UsageError, match="inside the run"):
        save_baseline("before", run / "b.json", runs)
    with pytest.raises(UsageError, match="there is no run"):
        save_baseline("nobody", tmp_path / "b.json", runs)


# --- read strictly ---


def resigned(path, change):
    """Change a baseline and give it the digest that goes with it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    document["digest"] = digest({name: value for name, value in document.items() if name != "digest"})
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["run"].update(seed=7), "does not match its digest"),
        (lambda d: d["tasks"][TASK]["scores"]["metrics"][0].update(value=0.99), "does not match its digest"),
        (lambda d: d.update(format="other"), "is no baseline"),
    ],
)
def test_an_edited_file_is_refused(runs, tmp_path, change, words):
    saved(runs)
    edit_json(tmp_path / "before.json", change)
    with pytest.raises(NotComparableError, match=words):
        load_saved(tmp_path / "before.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(version=2), "reads up to 1"),
        (lambda d: d.update(version=0), "version is 0"),
        (lambda d: d.update(version=True), "version is True"),
        (lambda d: d.update(schema_version=SCHEMA_VERSION + 1), "Upgrade mmbench"),
        (lambda d: d["run"].update(schema_version=SCHEMA_VERSION + 1), "Upgrade mmbench"),
        (lambda d: d.update(extra=1), "unknown field"),
        (lambda d: d["tasks"][TASK].update(extra=1), "unknown field"),
        (lambda d: d["tasks"][TASK]["scores"]["metrics"][0].update(extra=1), "unknown fields"),
        (lambda d: d.update(tasks=[]), "damaged"),
        (lambda d: d["tasks"][TASK].pop("plan"), "damaged"),
        (lambda d: d["tasks"][TASK].update(scores=3), "damaged"),
    ],
)
def test_a_file_of_another_shape_is_refused(runs, tmp_path, change, words):
    saved(runs)
    resigned(tmp_path / "before.json", change)
    with pytest.raises(NotComparableError, match=words):
        load_saved(tmp_path / "before.json")


def test_tables_that_do_not_unpack_are_refused_when_they_are_read(runs, tmp_path):
    saved(runs)
    resigned(
        tmp_path / "before.json", lambda d: d["tasks"][TASK]["tables"]["sample"]["columns"]["wide"].update(values="~~~")
    )
    side = load_saved(tmp_path / "before.json")
    result = gate([load_run("after", runs)], [side], [])
    assert result.exit_code == 3
    assert "damaged" in result.verdicts[0].details["differences"][0]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"[]", b"null", b'{"format": NaN}'])
def test_anything_else_is_no_baseline(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(NotComparableError, match="no baseline"):
        load_run(path, tmp_path)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(2**26 + 1)
    with pytest.raises(NotComparableError, match="at most 67,108,864"):
        load_saved(path)


def test_a_baseline_of_the_schema_before_is_read(runs, tmp_path):
    """What is inside has the version of run directories and is brought to today's by the same steps."""
    saved(runs)

    def older(document):
        document["schema_version"] = 3
        for record in (document["run"], document["tasks"][TASK]["plan"], document["tasks"][TASK]["scores"]):
            record["schema_version"] = 3
        document["tasks"][TASK]["scores"].pop("specs")

    resigned(tmp_path / "before.json", older)
    assert load_saved(tmp_path / "before.json").record.schema_version == SCHEMA_VERSION


def test_a_baseline_that_version_1_wrote_is_read_and_means_what_it_meant(tmp_path):
    """A fixture of every version ever written: made once by `mmbench baseline save` from the run beside it."""
    folder = Path(__file__).parent
    (run,) = (folder / "fixtures" / "v4" / "runs").glob("*_Learns-*")
    saved_then = load_saved(folder / "fixtures" / "baselines" / "baseline-v1.json")
    whole = load_run(run, tmp_path)
    for name, task in whole.tasks.items():
        kept = saved_then.tasks[name]
        assert (kept.metrics, kept.comparability_key, kept.perf) == (task.metrics, task.comparability_key, task.perf)
    assert [each.word for each in gate([whole], [saved_then], []).verdicts] == ["same"] * len(whole.tasks)


# --- other units ---


def test_other_samples_in_the_run_are_not_taken_for_those_of_the_file(runs, tmp_path):
    saved(runs)
    later = shutil.copytree(runs, tmp_path / "later")
    shutil.rmtree(load_run("after", later).path)
    renamed = [ScoreTable(**{**_fields(table), "unit_ids": [f"t{n}" for n in range(300)]}) for table in tables(1)]
    write_run(later, "after", {TASK: renamed}, METRICS)
    result = gate([load_run("after", later)], [load_saved(tmp_path / "before.json")], [])
    assert (result.exit_code, result.verdicts[0].word) == (3, "not comparable")
    assert "other units" in result.verdicts[0].details["differences"][0]


def test_clusters_that_changed_do_not_compare(runs, tmp_path):
    saved(runs)
    shutil.rmtree(load_run("after", runs).path)
    moved = [ScoreTable(**{**_fields(table), "cluster_ids": table.unit_ids}) for table in tables(1)]
    write_run(runs, "after", {TASK: moved}, METRICS)
    result = gate([load_run("after", runs)], [load_saved(tmp_path / "before.json")], [])
    assert (result.exit_code, result.verdicts[0].word) == (3, "not comparable")
    assert "clusters" in result.verdicts[0].details["differences"][0]


def test_a_baseline_of_ten_thousand_samples_is_small(tmp_path: Path) -> None:
    sizes = []
    for n in (5_000, 10_000):
        right = (np.random.default_rng(n).random(n) < 0.7).astype(float).tolist()
        write_run(tmp_path / "runs", f"m{n}", {TASK: [score_table(right, [f"c{k // 4}" for k in range(n)])]})
        save_baseline(f"m{n}", tmp_path / f"{n}.json", tmp_path / "runs")
        sizes.append((tmp_path / f"{n}.json").stat().st_size)
    assert sizes[1] - sizes[0] <= 1000
    assert sizes[0] < 5_250
