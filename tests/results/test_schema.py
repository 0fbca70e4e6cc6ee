"""The persisted schema: documented to the last field, and every version ever written stays readable."""

import ast
import importlib
import inspect
import pkgutil
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from helpers import lines, mmbench

from mmbench.core import score_table as core_scores
from mmbench.core.score_table import MetricValue, ScoreTable
from mmbench.results import codec, packing, saved, schema
from mmbench.results.former_speed import task_perf
from mmbench.results.log import read_embeddings
from mmbench.results.run import MetricRow, read_run
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import LearnedEntry

FIXTURES = Path(__file__).parent / "fixtures"
MODULES = (
    *(importlib.import_module(f"{schema.__name__}.{found.name}") for found in pkgutil.iter_modules(schema.__path__)),
    packing,
    saved,
)
"""The modules with records."""


# --- documented ---


def undocumented(module: ModuleType) -> Iterator[str]:
    """Fields of classes that no string follows, as ``Class.field``; classes without a docstring."""
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        if not ast.get_docstring(node):
            yield node.name
        for field, after in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                text = after.value if isinstance(after, ast.Expr) else None
                if not (isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value.strip()):
                    yield f"{node.name}.{field.target.id}"


def test_every_field_of_every_persisted_record_is_documented_below_it() -> None:
    assert [field for module in MODULES for field in undocumented(module) if "Ids" not in field] == []
    assert list(undocumented(core_scores)) == []


@pytest.mark.parametrize("name", ["media", "metric", "model", "requests", "responses", "samples", "spec", "task"])
def test_every_field_of_every_noun_is_documented_below_it(name: str) -> None:
    found = [field for field in undocumented(importlib.import_module(f"mmbench.core.{name}")) if "kind" not in field]
    assert found == []


def test_the_check_of_the_documentation_finds_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = 'class A:\n    """A."""\n    x: int\n    y: int\n    """Y."""\nclass B:\n    z: int = 1\n    """ """\n'
    (tmp_path / "undocumented_module.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(undocumented(importlib.import_module("undocumented_module"))) == ["A.x", "B", "B.z"]


def test_every_record_refuses_unknown_fields() -> None:
    values = [value for module in MODULES for value in vars(module).values()]
    records = [value for value in values if inspect.isclass(value) and issubclass(value, msgspec.Struct)]
    own = [record for record in records if record.__module__ in {module.__name__ for module in MODULES}]
    assert len(own) > 20
    assert all(record.__struct_config__.forbid_unknown_fields and record.__struct_config__.frozen for record in own)


# --- every version stays readable ---


def versions() -> list[int]:
    return sorted(int(folder.name[1:]) for folder in FIXTURES.glob("v*"))


def test_there_is_a_fixture_of_every_version_up_to_todays() -> None:
    assert versions() == list(range(1, schema.SCHEMA_VERSION + 1))


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """A copy of the folder that was written with schema version 1."""
    shutil.copytree(FIXTURES / "v1", tmp_path / "v1")
    return tmp_path / "v1"


@pytest.mark.parametrize("version", versions())
def test_a_run_of_every_version_reads_completely(version: int) -> None:
    runs = sorted((FIXTURES / f"v{version}" / "runs").iterdir())
    assert runs
    for path in runs:
        directory = RunDirectory.open(path)
        run = read_run(directory)
        for name, task in run.tasks.items():
            if task.scores is None:
                continue
            plan = task.store.plan()
            assert plan is not None
            assert plan.identity_digest == codec.digest(plan.identity)
            assert task.entry.identity_digest == ("" if version < 7 else plan.identity_digest)
            assert (task.entry.scored_by or plan.former_scoring).keys() == {"extractor", "options"}
            assert {unit: len(table.unit_ids) for unit, table in task.tables().items()} == task.scores.units
            assert list(task.responses()) == list(lines(path, name))
        assert run.rows()
        assert any(task.perf for task in run.tasks.values())


def test_imported_runs_of_the_newest_version_read_completely() -> None:
    newest = FIXTURES / f"v{schema.SCHEMA_VERSION}"
    for path in sorted((newest / "imported").iterdir()):
        run = read_run(RunDirectory.open(path))
        (task,) = run.tasks.values()
        assert run.record.imported is not None
        assert [value.value for value in task.metrics.values()] == [0.5]
        assert [line.question for line in task.asked()] == ["which is it?", "and this?"]
        assert [line.output for line in task.responses()] == ["long", "long"]


def fixture(version: int, model: str) -> RunDirectory:
    """The run of one of the models of a fixture."""
    (path,) = (FIXTURES / f"v{version}" / "runs").glob(f"*{model}*")
    return RunDirectory(path)


def test_version_1_means_today_what_it_meant_then() -> None:
    writes, chooses = fixture(1, "Writes"), fixture(1, "Chooses")
    document = writes.read()
    assert (document.status, document.seed, document.model.name) == ("partial", 0, "tiny_v1_model.py:Writes")
    entry = document.tasks["tiny/words"]
    assert (entry.status, entry.n_samples, entry.n_failed, entry.chance) == ("partial", 5, 1, {"accuracy": 0.5})
    assert entry.scoring is not None
    (value,) = writes.read_scores("tiny/words", entry.scoring).metrics
    assert (value.id, value.value, value.n, value.n_failed) == ("accuracy", 0.5, 4, 1)
    assert (value.n_unparsed, value.n_refused, value.coverage, value.n_clusters) == (1, 1, 0.8, 3)
    logged = {line.id: line for line in lines(writes.path, "tiny/words")}
    assert logged["tiny/words/w1/0"].output == "long"
    assert logged["tiny/words/w1/0"].cost_usd == 0.25
    assert logged["tiny/words/w3/0"].error == "ValueError: too small to see"
    assert logged["tiny/words/w4/0"].status == "refused"
    vectors = read_embeddings(writes.task("tiny/vectors") / "embeddings.bin")
    assert vectors is not None
    assert np.array_equal(vectors, np.array([[0.6, 0.8, 0.0]] * 3, dtype=np.float32))
    table = writes.read_tables("tiny/words", entry.scoring)["sample"]
    assert list(table.status) == ["unparsed", "scored", "scored", "error", "refused"]
    assert list(table.cluster_ids) == ["g0", "g0", "g1", "g1", "g2"]
    assert list(table.slices["length"]) == ["short", "long", "long", "short", "short"]
    assert chooses.read().tasks["tiny/words"].served_as == {"generate": "choose"}
    assert chooses.read().tasks["tiny/vectors"].status == "incompatible"
    assert lines(chooses.path, "tiny/words")[1].output == [9.0, 1.0]
    assert entry.learned is None


def test_version_2_added_what_a_model_learned() -> None:
    entry = fixture(2, "Learns").read().tasks["tiny/words"]
    assert entry.learned == LearnedEntry(
        parameters=2,
        train_s=0.5,
        samples_per_s=6.0,
        modalities=["text"],
        checkpoint="results/checkpoints/tiny",
        val={"accuracy": 1.0},
    )
    assert fixture(2, "Writes").read().tasks["tiny/words"].learned is None


def test_version_3_added_times_to_the_first_token_and_the_cache() -> None:
    writes, chooses = fixture(3, "Writes"), fixture(3, "Chooses")
    logged = {line.id: line for line in lines(writes.path, "tiny/words")}
    assert logged["tiny/words/w1/0"].first_token_s == 0.125
    assert not logged["tiny/words/w1/0"].cached
    assert all(line.cached for line in lines(chooses.path, "tiny/words"))
    perf, spent = chooses.read_perf(), writes.read_perf()
    assert perf is not None
    assert spent is not None
    assert perf.tasks["tiny/words"].quality.n_cached == 5
    assert spent.tasks["tiny/words"].value("cost") == 0.75
    earlier = fixture(2, "Writes").read_perf()
    assert earlier is not None
    assert earlier.tasks["tiny/words"].quality.n_cached == 0
    assert not any(name.startswith("first_token") for name in earlier.tasks["tiny/words"].quality.figures)


def test_version_4_added_how_each_metric_comes_from_its_table() -> None:
    mean = schema.MetricSpec(unit="text", columns=["close", "1"], kind="mean", bounds=(0.0, 1.0))
    assert scores_of(fixture(4, "Writes"), "tiny/vectors").specs == {"close(norm=1)": mean}
    assert scores_of(fixture(3, "Writes"), "tiny/vectors").specs == {}


def test_version_6_added_what_makes_each_metric() -> None:
    specs = scores_of(fixture(6, "Writes"), "tiny/vectors").specs
    assert specs["close(norm=1)"].maker is None
    assert specs["median_rank(direction=t2i)"] == schema.MetricSpec(
        unit="query_t2i",
        columns=["rank"],
        kind="compute",
        bounds=(1.0, None),
        maker="median_rank",
        parameters={"direction": "t2i", "protocol": "all", "ties": "expected"},
    )
    assert scores_of(fixture(6, "Writes"), "tiny/words").specs["accuracy"].maker == "accuracy"


def test_version_7_added_how_responses_ended() -> None:
    writes = fixture(7, "Writes")
    logged = {line.id: line for line in lines(writes.path, "tiny/words")}
    long, cut = logged["tiny/words/w1/0"], logged["tiny/words/w2/0"]
    assert (long.status, long.finish_reason, long.output) == ("ok", "stop", "long")
    assert (long.raw, long.reasoning) == ("<think>Is that many?</think>long", "12 letters\n\nIs that many?")
    assert (long.reasoning_tokens, long.image_tokens, long.first_answer_token_s) == (4, 0, 0.25)
    assert (cut.status, cut.finish_reason, cut.output, cut.reasoning) == ("truncated", "length", "", "Nine letters are")
    entry = writes.read().tasks["tiny/words"]
    assert (entry.n_split, entry.split_cause) == (1, "ValueError: too small to see")
    (value,) = scores_of(writes, "tiny/words").metrics
    assert (value.n, value.n_failed, value.n_truncated, value.n_unparsed, value.n_refused) == (4, 1, 1, 1, 1)
    assert (value.bound_low, value.bound_high) == (0.2, 1.0)
    earlier = fixture(6, "Writes")
    (value,) = scores_of(earlier, "tiny/words").metrics
    assert (value.n_truncated, value.bound_low, value.bound_high) == (0, None, None)
    assert {line.finish_reason for line in lines(earlier.path, "tiny/words")} == {"unknown"}


def test_version_5_added_how_the_model_was_known_before() -> None:
    run = fixture(6, "Writes").read()
    assert (run.former_identities, run.model.version) == ([], None)
    assert fixture(4, "Writes").read().former_identities == []


@pytest.mark.parametrize(
    ("stored", "today"),
    [
        ("mmbench.baselines.models:Concat (mmbench==0.1.0)", "mmbench_baselines.models:Concat (mmbench==0.1.0)"),
        ("mmbench.tasks.vqa.scenes:task", "mmbench_tasks.vqa.scenes:task"),
        ("mmbench.tasks:task", "mmbench_tasks:task"),
        ("mmbench.models.controls:Random (mmbench==0.1.0)", "mmbench.models.controls:Random (mmbench==0.1.0)"),
        ("mmbench.tasksmith:task", "mmbench.tasksmith:task"),
        ("my.mmbench.tasks:task", "my.mmbench.tasks:task"),
    ],
)
def test_version_5_names_modules_as_they_are_called_today(stored: str, today: str) -> None:
    tasks = {"t": {"source": {"name": stored}}}
    document = {"schema_version": 4, "model": {"reference": stored}, "tasks": tasks}
    found = codec.migrate(document, Path("run.json"))
    assert found["model"]["reference"] == found["tasks"]["t"]["source"]["name"] == today
    assert document["model"] == {"reference": stored}


@pytest.mark.parametrize("damaged", [{"model": 3}, {"model": {"reference": None}}, {"tasks": {"t": 1}}, {"tasks": []}])
def test_a_damaged_document_passes_through_the_migrations(damaged: dict[str, Any]) -> None:
    found = codec.migrate({"schema_version": 1, **damaged}, Path("run.json"))
    assert {name: found[name] for name in damaged} == damaged


def scores_of(run: RunDirectory, task: str) -> schema.ScoresFile:
    """The values of a task that stand now."""
    scoring = run.read().tasks[task].scoring
    assert scoring is not None
    return run.read_scores(task, scoring)


def test_the_newest_fixture_uses_every_field_of_every_record() -> None:
    """So that a change of any of them breaks a test here, and not somebody's run."""
    used: set[str] = set()
    newest = FIXTURES / f"v{schema.SCHEMA_VERSION}"
    for path in (path for kept in ("runs", "shards", "imported") for path in (newest / kept).rglob("*.json*")):
        used |= {word for word in path.read_text(encoding="utf-8").split('"') if word.isidentifier()}
    records = [record for record in vars(schema).values() if record is not schema.CachedAnswer]  # in no run directory
    names = {field for record in records for field in getattr(record, "__struct_fields__", ())}
    never = {"commit", "dirty"}  # of the repository, which the fixture was not written in
    never |= {
        *schema.CostFit.__struct_fields__,
        *schema.Turn.__struct_fields__,
        *schema.RequestTiming.__struct_fields__,
    }  # of twenty calls, of runs that take turns, and of scenarios under load
    assert names - used - never == set()
    assert set(MetricValue.__dataclass_fields__) - used == set()
    assert ScoreTable.__dataclass_fields__.keys() >= {"unit", "unit_ids", "cluster_ids", "status", "columns"}


def test_version_9_made_scenarios_of_the_figures_of_speed() -> None:
    before = codec.read_file(fixture(8, "Writes").path / "perf.json")
    old = msgspec.json.decode(before)["tasks"]["tiny/words"]
    perf = fixture(8, "Writes").read_perf()
    assert perf is not None
    (scenario,) = perf.tasks["tiny/words"].scenarios
    assert (scenario.name, scenario.valid, scenario.complete) == ("quality", old["valid"], True)
    assert scenario.value("samples_per_s") == old["samples_per_s"]
    assert scenario.value("peak_memory") == old["peak_memory_bytes"]
    assert (scenario.identity.concurrency, scenario.machine, scenario.measured) == (None, None, None)
    today = fixture(9, "Writes").read_perf()
    assert today is not None
    (scenario,) = today.tasks["tiny/words"].scenarios
    assert (scenario.identity.batch_size, scenario.identity.concurrency, scenario.identity.workers) == (2, 1, 1)
    assert scenario.machine is not None


def test_version_10_added_shards_and_what_was_merged_of_them() -> None:
    shards = FIXTURES / "v10" / "shards"
    first, second, whole = (
        RunDirectory(next(shards.glob(pattern))).read() for pattern in ("*-1-of-2", "*-2-of-2", "*--????????")
    )
    assert [(run.shard.number, run.shard.of) for run in (first, second) if run.shard] == [(1, 2), (2, 2)]
    assert [run.tasks["tiny/words"].asked_batches for run in (first, second, whole)] == [(0, 1), (1, 3), None]
    assert whole.shard is None
    assert [(each.number, each.updated) for each in whole.merged] == [(1, first.updated), (2, second.updated)]
    earlier = fixture(9, "Learns").read()
    assert (earlier.shard, earlier.merged) == (None, [])
    assert earlier.tasks["tiny/words"].learned is not None
    assert earlier.tasks["tiny/words"].learned.weights is None


def test_version_11_added_the_commands_before_the_last_one() -> None:
    run, before = fixture(11, "Learns").read(), fixture(10, "Learns").read()
    assert [spec["max_errors"] for spec in (*run.earlier_specs, run.spec)] == [0.5, 9]
    assert before.earlier_specs == []
    (whole,) = (FIXTURES / "v11" / "shards").glob("*--????????")
    assert RunDirectory(whole).read().earlier_specs == [], "shards are no commands of their own"


def test_version_10_added_workers_and_what_is_promised() -> None:
    perf, before = fixture(10, "Several").read_perf(), fixture(9, "Several").read_perf()
    assert perf is not None
    assert before is not None
    (scenario,), (earlier,) = (each.tasks["tiny/vectors"].scenarios for each in (perf, before))
    assert [worker.kind for worker in scenario.workers] == ["process", "process"]
    assert (scenario.identity.workers, earlier.workers) == (2, [])
    entries = [fixture(version, "Several").read().tasks["tiny/vectors"] for version in (9, 10)]
    assert [entry.promise for entry in entries] == [None, "bytes"]


@pytest.mark.parametrize(
    ("size", "first_token", "names"), [(1, None, "latency"), (64, {}, "latency"), (64, None, "batch_ms")]
)
def test_a_former_latency_keeps_its_name_only_where_a_call_was_a_request(
    size: int, first_token: dict[str, float] | None, names: str
) -> None:
    times = {"p50": 2.0, "p90": 3.0, "p99": None}
    document = {
        "samples_per_s": 5.0, "tokens_per_s": None, "latency_ms": times, "first_token_ms": first_token,
        "peak_memory_bytes": 7, "peak_accelerator_bytes": None, "n_samples": 60, "n_calls": 60, "main_loop_s": 12.0,
        "batch_size": size, "valid": True, "reasons": [],
    }  # fmt: skip
    task = msgspec.convert(task_perf(document), schema.TaskPerf)
    assert task.quality is not None
    found = {name: figure.value for name, figure in task.quality.figures.items() if figure.unit == "ms"}
    assert found == {f"{names}_p50": 2.0, f"{names}_p90": 3.0}


def test_what_a_request_costs_and_turns_are_read_as_they_were_written() -> None:
    fit = schema.CostFit(unit="s", fixed=0.5, per_output_token=0.01, n=40, error=0.02)
    turn = schema.Turn(session="0" * 16, number=1, of=5, first=True, against="other")
    identity = schema.SpeedIdentity(batch_size=1, concurrency=4, threads=0, workers=1, settings={"rate": 2.5})
    scenario = schema.PerfScenario(
        name="server", identity=identity, complete=True, valid=True, fits=[fit], turn=turn, where_s={"model": 1.0}
    )
    assert msgspec.json.decode(msgspec.json.encode(scenario), type=schema.PerfScenario) == scenario


@pytest.mark.slow
def test_a_run_of_version_1_is_shown(v1: Path) -> None:
    shown = mmbench("show", "tiny_v1_model.py:Writes", "--out", "../runs", folder=v1 / "source")
    assert shown.code == 0, shown.err
    assert "[15.4, 84.6]" in shown.out
    one = mmbench(
        "show",
        "../runs/" + next((v1 / "runs").glob("*Writes*")).name,
        "--task",
        "tiny/words",
        "--sample",
        "w3",
        folder=v1 / "source",
    )
    assert one.code == 0, one.err
    assert "error: ValueError: too small to see" in one.out


@pytest.mark.slow
def test_a_run_of_version_1_is_resumed_and_not_begun_again(v1: Path) -> None:
    """Its identity still means the same: only what failed is asked again."""
    tasks = "tiny_v1_task.py:words,tiny_v1_task.py:vectors"
    before = {path: path.read_bytes() for path in (v1 / "runs").rglob("responses.jsonl")}
    runs = sorted(path.name for path in (v1 / "runs").iterdir())
    values = {path.name: values_of(path) for path in (v1 / "runs").iterdir()}
    arguments = ["run", "--tasks", tasks, "--out", "../runs", "--batch-size", "2"]
    again = mmbench(*arguments, "--model", "tiny_v1_model.py:Writes", folder=v1 / "source")
    assert again.code == 4, again.err
    arguments += ["--skip-incompatible", "--model-args", "bias=1"]
    assert mmbench(*arguments, "--model", "tiny_v1_model.py:Chooses", folder=v1 / "source").code == 0
    assert sorted(path.name for path in (v1 / "runs").iterdir()) == runs
    added = [path.read_bytes().removeprefix(content) for path, content in before.items()]
    assert sorted(lines_added.count(b"\n") for lines_added in added) == [0, 0, 1]
    assert {path.name: values_of(path) for path in (v1 / "runs").iterdir()} == values


def values_of(run: Path) -> list[MetricRow]:
    """Every value of a run that stands now, without interval and bounds, which are made as they are made today."""
    rows = read_run(RunDirectory(run)).rows()
    unset = {
        "low": None,
        "high": None,
        "method": "",
        "reason": None,
        "bound_low": None,
        "bound_high": None,
        "codes": [],
    }
    return [replace(row, metric=replace(row.metric, **unset)) for row in rows]
