"""Stored runs sample by sample: what was asked, answered, scored and timed."""

import pandas as pd
import pytest
from helpers import COLOURS, Colours, evaluate, only_run, write_captions, write_model, write_questions
from stored import TASK, score_table, write_run

import mmbench as package
from mmbench import Generation, ModelInfo, Usage
from mmbench.core import NotComparableError, UnknownNameError
from mmbench.results.log import read_log


class Various(Colours):
    """Right, wrong, unparsed, refused, cut off and failed, each in turn; with tokens and reasoning."""

    def answer(self, request):
        place = int(request.sample_id.removeprefix("q"))
        if place == 5:
            raise ValueError("no")
        colour = list(COLOURS)[place % len(COLOURS)]
        text = {1: "green" if colour != "green" else "red", 2: "I see.", 4: ""}.get(place, colour)
        ended = {3: "filter", 4: "length"}.get(place, "stop")
        return Generation(f"<think>hm</think>{text}", Usage(10, 3, 0.5), finish_reason=ended)


@pytest.fixture
def run(tmp_path):
    return evaluate(Various(), write_questions(tmp_path, 6), tmp_path, batch_size=1).path


def test_a_sample_has_what_was_asked_answered_and_scored(run):
    frame = package.load_run(run).samples().set_index("id")
    assert list(frame.index) == [f"q{n}" for n in range(6)]
    assert frame["question"].tolist() == [f"what colour is picture {n}?" for n in range(6)]
    assert frame["references"].tolist() == [[list(COLOURS)[n % len(COLOURS)]] for n in range(6)]
    assert all(choices == list(COLOURS) for choices in frame["choices"])
    assert all(len(digests) == 1 and len(digests[0]) == 64 for digests in frame["images"])
    accuracy = frame["accuracy"].tolist()
    assert accuracy[:5] == [1, 0, 0, 0, 0]
    assert pd.isna(accuracy[5])
    assert frame["status"].tolist() == ["ok", "ok", "ok", "refused", "truncated", "error"]
    assert frame["score_status"].tolist() == ["scored", "scored", "unparsed", "refused", "truncated", "error"]
    assert frame.loc["q0", "answer"] == frame.loc["q0", "extracted"] == next(iter(COLOURS))
    assert frame.loc["q0", "raw"].startswith("<think>")
    assert frame.loc["q0", "reasoning"] == "hm"
    assert frame.loc["q0", ["input_tokens", "output_tokens", "cost_usd"]].tolist() == [10, 3, 0.5]
    assert "ValueError" in frame.loc["q5", "error"]


def test_times_are_those_of_the_log(run):
    frame = package.load_run(run).samples().set_index("id")
    logged = {line.id: line for line in read_log(next(run.glob("tasks/*/responses.jsonl")))}
    for name, line in logged.items():
        sample = name.split("/")[-2]
        assert frame.loc[sample, ["start_s", "duration_s"]].tolist() == [line.start_s, line.duration_s]


def test_the_mean_over_samples_is_the_value_of_the_run(run):
    stored = package.load_run(run)
    (value,) = [row.value for row in stored.rows() if row.id == "accuracy"]
    assert stored.samples()["accuracy"].mean() == value


def test_the_result_of_a_command_has_the_same_rows(tmp_path):
    data = write_questions(tmp_path, 4)
    result = evaluate(Colours(), data, tmp_path)
    pd.testing.assert_frame_equal(result.samples(), package.load_run(result.path).samples())
    pd.testing.assert_frame_equal(result.samples(), package.samples(result.path))


def test_a_sample_with_several_requests_has_lists(tmp_path):
    class Towers:
        info = ModelInfo(digest="towers")

        def embed(self, requests):
            return [[1.0, float(place)] for place, _ in enumerate(requests)]

    result = evaluate(Towers(), write_captions(tmp_path, 3, 2), tmp_path, tasks="retrieval")
    frame = result.samples()
    assert len(frame) == 3
    assert all(isinstance(each, list) and len(each) == 3 for each in frame["batch_size"])
    assert frame["answer"].isna().all()


@pytest.mark.slow
def test_several_tasks_share_the_columns(tmp_path):
    first = evaluate(Colours(), write_questions(tmp_path, 3), tmp_path)
    second = evaluate(Colours(), write_captions(tmp_path, 3), tmp_path / "two", tasks="captioning")
    frame = package.samples([first.path, second.path])
    assert frame["task"].nunique() == 2
    captions = frame[frame["task"] == frame["task"].iloc[-1]]
    assert captions["accuracy"].isna().all()
    assert frame.columns.get_loc("accuracy") < frame.columns.get_loc("status")


def test_without_its_task_a_run_gives_answers_and_scores_alone(tmp_path, run):
    (tmp_path / "mine.jsonl").unlink()
    frame = package.load_run(run).samples()
    assert len(frame) == 6
    assert frame["question"].isna().all()
    assert frame["accuracy"].notna().sum() == 5


def test_no_stored_name_is_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_model(
        tmp_path,
        """
        import pathlib
        from mmbench import DatasetInfo, Generate, PerSampleTask, Sample, SampleScore, TaskInfo, mean_metric
        pathlib.Path("imported").touch()

        class Own(PerSampleTask):
            info = TaskInfo("own/task", "1", "says", DatasetInfo("d", "1", "CC0-1.0", ""), frozenset({"generate"}), ("accuracy",))
            metrics = (mean_metric("accuracy", "sample", "accuracy"),)
            columns = ("accuracy",)
            def fingerprint(self): return "1"
            def samples(self, split="test"): return [Sample("a", ("why?",), ("red",))]
            def requests(self, sample): return [Generate(parts=sample.parts)]
            def score_sample(self, sample, response): return SampleScore({"accuracy": float(response.output == "red")})

        task = Own()
        """,
        "own.py",
    )
    result = package.run(Colours(), "own.py", out="runs", progress=False)
    assert result.samples()["question"].tolist() == ["why?"]
    (tmp_path / "imported").unlink()
    stored = package.load_run(only_run(tmp_path / "runs"))
    assert stored.samples()["question"].isna().all()
    assert not (tmp_path / "imported").exists()
    assert stored.samples(allow="foreign-source")["question"].tolist() == ["why?"]


def test_what_is_wrong_is_refused(tmp_path, run):
    with pytest.raises(UnknownNameError):
        package.load_run(run).samples("captioning")
    log = next(run.glob("tasks/*/responses.jsonl"))
    log.write_bytes(log.read_bytes().replace(b'"q1', b'"q7', 1).replace(b"/q1/", b"/q7/", 1))
    with pytest.raises(NotComparableError):
        package.load_run(run).samples()


def test_a_run_without_a_log_still_has_its_scores(tmp_path):
    path = write_run(tmp_path, "mine", {TASK: [score_table([1.0, 0.0, None])]})
    frame = package.load_run(path).samples()
    assert frame["accuracy"].tolist()[:2] == [1.0, 0.0]
    assert frame["score_status"].tolist() == ["scored", "scored", "error"]
    assert frame["status"].isna().all()
