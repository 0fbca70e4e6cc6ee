"""``--perf full`` as users run it: what is written and shown, what is refused, and what a signal or a failure leaves."""

import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from helpers import Colours, evaluate, mmbench, only_run, start, write_model, write_questions

from mmbench.core import Generation, Usage
from mmbench.core.errors import UsageError
from mmbench.results.schema import PerfScenario, RequestTiming

FEW: dict[str, Any] = {"perf": "full", "perf_requests": 15, "perf_seconds": 5.0}


class Streams:
    """Answers at once, in pieces."""

    info: ClassVar = {"digest": "streams"}

    async def generate(self, request: Any) -> Generation:
        usage = Usage(input_tokens=30, output_tokens=3, image_tokens=20)
        return Generation("red", usage=usage, first_token_s=0.0, first_answer_token_s=0.0, pieces_s=(0.0, 0.0, 0.0))


class Plain:
    """Answers at once, as a whole."""

    info: ClassVar = {"digest": "plain"}

    async def generate(self, request: Any) -> str:
        return "red"


def scenarios(result: Any) -> dict[str, PerfScenario]:
    (run,) = result.runs
    (task,) = run.tasks.values()
    return {scenario.name: scenario for scenario in task.perf.scenarios}


def test_a_synchronous_model_is_measured_one_by_one_and_offline(tmp_path: Path) -> None:
    result = evaluate(Colours(), write_questions(tmp_path), tmp_path, **FEW)
    found = scenarios(result)
    assert list(found) == ["quality", "single-stream", "offline"]
    assert found["single-stream"].figures["latency_p50"].value is not None
    assert found["single-stream"].n_requests == 15
    assert found["offline"].figures["requests_per_s"].value is not None
    assert result.exit_code == 0
    assert all(figure.formula for scenario in found.values() for figure in scenario.figures.values())


def test_a_concurrent_model_is_measured_in_all_scenarios(tmp_path: Path) -> None:
    options = {**FEW, "rate": 500.0, "slo": "ttft_p50=1s", "concurrency": 2, "perf_format": "vllm"}
    result = evaluate(
        Streams(), write_questions(tmp_path), tmp_path, scenarios="single-stream,offline,server,sweep", **options
    )
    found = scenarios(result)
    assert set(found) == {"quality", "single-stream", "offline", "server", "closed_loop_c1", "closed_loop_c2"}
    assert found["server"].identity.settings == {
        "workload": "samples",
        "rate": 500.0,
        "seed": 0,
        "slo": "first_token_p50=1000ms",
    }
    assert found["server"].figures["image_tokens_a_request"].value == 20
    assert found["server"].figures["text_tokens_a_request"].value == 10
    folder = result.path / "tasks" / "vqa__mine" / "load"
    (log,) = folder.glob("server-*.jsonl")
    timings = [msgspec.json.decode(line, type=RequestTiming) for line in log.read_bytes().splitlines()]
    assert len(timings) == 15
    assert all(timing.due_s <= timing.asked_s <= timing.ended_s for timing in timings)
    (document,) = (json.loads(path.read_text()) for path in folder.glob("server-*.vllm.json"))
    assert document["completed"] == 15


@pytest.mark.slow
def test_answers_and_scores_are_those_of_a_run_without_load(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    quick = evaluate(Colours(), data, tmp_path / "a")
    full = evaluate(Colours(), data, tmp_path / "b", **FEW)
    logs = [
        (path / "tasks" / "vqa__mine" / "responses.jsonl").read_text().splitlines() for path in (quick.path, full.path)
    ]
    answers = [sorted((json.loads(line)["id"], json.loads(line)["output"]) for line in log) for log in logs]
    assert answers[0] == answers[1]
    assert [row.metric for row in quick.rows()] == [row.metric for row in full.rows()]


@pytest.mark.slow
def test_a_complete_run_is_measured_later_and_scenarios_add_up(tmp_path: Path) -> None:
    data, model = write_questions(tmp_path), Colours()
    evaluate(model, data, tmp_path)
    asked = len(model.calls)
    first = evaluate(model, data, tmp_path, scenarios="single-stream", **FEW)
    second = evaluate(model, data, tmp_path, scenarios="offline", **FEW)
    assert len(model.calls) > asked
    assert list(scenarios(first)) == ["quality", "single-stream"]
    assert list(scenarios(second)) == ["quality", "single-stream", "offline"]
    again = evaluate(model, data, tmp_path, scenarios="single-stream", **FEW)
    assert sorted(scenarios(again)) == ["offline", "quality", "single-stream"]


@pytest.mark.slow
def test_drawn_prompts_take_the_place_of_the_samples(tmp_path: Path) -> None:
    options = {**FEW, "workload": "random-mm:16x8,images=2,in=5,out=4", "scenarios": "single-stream"}
    model = Colours()
    found = scenarios(evaluate(model, write_questions(tmp_path), tmp_path, **options))["single-stream"]
    assert found.identity.settings["workload"] == "random-mm:16x8,images=2,in=5,out=4"
    assert found.figures["images_per_s"].value == pytest.approx(2 * (found.figures["requests_per_s"].value or 0))
    assert "samples_per_s" not in found.figures


# --- refused before anything is asked ---


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0},
        {"rate": -1.0},
        {"scenarios": "stream"},
        {"scenarios": "server", "rate": 5.0},
        {"scenarios": "sweep"},
        {"slo": "speed=1s", "rate": 1.0},
        {"slo": "e2e=1s"},
        {"scenarios": "single-stream", "rate": 5.0},
        {"workload": "nowhere.jsonl"},
        {"perf_requests": 0},
        {"perf_seconds": 0.0},
        {"perf_format": "loadgen"},
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_refused_before_anything_is_asked(tmp_path: Path, options: dict[str, Any]) -> None:
    model = Colours()
    with pytest.raises(UsageError):
        evaluate(model, write_questions(tmp_path), tmp_path, perf="full", **options)
    assert not model.calls


def test_options_of_full_are_refused_without_it(tmp_path: Path) -> None:
    model = Colours()
    with pytest.raises(UsageError):
        evaluate(model, write_questions(tmp_path), tmp_path, rate=5.0)
    assert not model.calls


# --- what turns out only later ---


class Greedy(Colours):
    """Answers in the quality run and has no memory left afterwards."""

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        if self.calls:
            raise MemoryError("out of memory")
        return super().generate(requests)


def test_a_search_that_runs_out_of_memory_at_one_keeps_the_quality(tmp_path: Path) -> None:
    result = evaluate(Greedy(), write_questions(tmp_path), tmp_path, scenarios="offline", **FEW)
    assert isinstance(next(iter(result.load_failures.values())), UsageError)
    assert result.exit_code == 2
    (task,) = result.runs[0].tasks.values()
    assert task.status == "complete"
    assert result.rows()


@pytest.mark.slow
def test_a_target_on_tokens_that_never_come_keeps_the_quality_and_what_was_measured(tmp_path: Path) -> None:
    options = {**FEW, "rate": 100.0, "slo": "ttft_p99=1s", "concurrency": 2}
    result = evaluate(Plain(), write_questions(tmp_path), tmp_path, **options)
    assert result.exit_code == 2
    assert "single-stream" in scenarios(result)
    assert "server" not in scenarios(result)
    assert "closed_loop_c2" in scenarios(result)  # what comes after it is measured
    assert result.runs[0].record.status == "complete"


class Ended(Colours):
    """Answers in the quality run, and is interrupted in the first scenario, when nothing can be written any more."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        if len(self.calls) > 120:  # the quality run and the warm-up make fewer
            (task,) = self.folder.glob("runs/*/tasks/*")
            (task / "load").write_text("no folder")
            raise KeyboardInterrupt
        return super().generate(requests)


def test_an_interruption_is_heard_of_also_where_what_was_measured_cannot_be_kept(tmp_path: Path) -> None:
    many = {**FEW, "perf_requests": 200, "scenarios": "single-stream,offline"}
    with pytest.raises(KeyboardInterrupt):
        evaluate(Ended(tmp_path), write_questions(tmp_path), tmp_path, **many)


class Looking(Colours):
    """Looks, while its speed is measured, at what a kill would leave."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.seen: set[str] = set()

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        if self.calls:
            self.seen.add(json.loads((only_run(self.folder) / "run.json").read_text())["status"])
        return super().generate(requests)


def test_a_kill_while_speed_is_measured_leaves_a_complete_run(tmp_path: Path) -> None:
    model = Looking(tmp_path / "runs")
    evaluate(model, write_questions(tmp_path), tmp_path, batch_size=64, **FEW)
    assert model.seen == {"complete"}


# --- the command line ---

SLOW = """
    import asyncio

    class Slow:
        async def generate(self, request):
            await asyncio.sleep(0.02)
            return request.choices[0]
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["single-stream", "server", "closed_loop_c2"])
def test_a_signal_in_any_scenario_keeps_what_was_measured(tmp_path: Path, name: str) -> None:
    write_model(tmp_path, SLOW, "slow.py")
    write_questions(tmp_path, 8)
    scenario = "sweep" if name.startswith("closed") else name
    arguments = ["run", "--model", "slow", "--tasks", "vqa", "--data", "mine.jsonl", "--perf", "full"]
    arguments += [
        "--scenarios",
        scenario,
        *(["--rate", "20"] if name == "server" else []),
        "--perf-requests",
        "100000",
        "--concurrency",
        "2",
    ]
    arguments += ["--perf-seconds", "3" if name.startswith("closed") else "60", "--out", "runs"]
    child = start(*arguments, folder=tmp_path)
    shown = ""
    while f"speed: {scenario}" not in shown or (name == "closed_loop_c2" and name not in shown):
        assert child.stderr is not None
        line = child.stderr.readline()
        assert line, shown
        shown += line
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130
    run = only_run(tmp_path / "runs")
    record = json.loads((run / "run.json").read_text())
    assert next(iter(record["tasks"].values()))["status"] == "complete"
    (task,) = json.loads((run / "perf.json").read_text())["tasks"].values()
    found = {each["name"]: each for each in task["scenarios"]}
    assert not found[name]["complete"]
    assert found[name]["n_requests"] > 3
    assert found["quality"]["complete"]


@pytest.mark.slow
def test_the_table_of_speed_is_shown_wherever_a_run_is(tmp_path: Path) -> None:
    write_model(tmp_path, SLOW, "slow.py")
    write_questions(tmp_path, 8)
    arguments = ["run", "--model", "slow", "--tasks", "vqa", "--data", "mine.jsonl", "--perf", "full", "--out", "runs"]
    arguments += ["--perf-requests", "20", "--concurrency", "2"]
    dry = mmbench(*arguments, "--dry-run", "--json", folder=tmp_path).document()
    load = dry["plan"][0]["tasks"][0]["load"]
    assert load["scenarios"] == ["single-stream", "sweep"]
    assert load["requests"] >= 60
    ended = mmbench(*arguments, folder=tmp_path)
    assert ended.code == 0
    run = only_run(tmp_path / "runs")
    outputs = [
        ended.out,
        mmbench("show", run, folder=tmp_path).out,
        (run / "report.md").read_text(),
        mmbench("report", run, "--format", "md", folder=tmp_path).out,
        mmbench("report", run, "--format", "json", folder=tmp_path).out,
        mmbench("report", run, "--format", "html", folder=tmp_path).out,
    ]
    for output in outputs:
        assert "closed" in output
    rows = mmbench(*arguments, "--json", folder=tmp_path).document()["perf"]
    assert {row["scenario"] for row in rows} == {"quality", "single-stream", "closed_loop_c1", "closed_loop_c2"}
