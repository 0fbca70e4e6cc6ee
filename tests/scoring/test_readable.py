"""Outputs that hold no answer: which other extractors would read them, and the command that says so."""

import json
import shlex
from pathlib import Path

import pytest

import mmbench
from mmbench.api.rescore import rescore
from mmbench.cli.rescore import command as rescore_command
from mmbench.extract import extractor_named

SAID = ["The answer is **red**.", "red", "I cannot see it."]


class Says:
    """Says one thing after the other."""

    version = "1"

    def __init__(self, *said: str) -> None:
        self.said = said

    def generate(self, requests):
        return [self.said[int(request.sample_id.removeprefix("row-")) % len(self.said)] for request in requests]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    row = {"image": None, "question": "?", "answer": "red", "choices": ["blue", "red"]}
    file = tmp_path / "my.jsonl"
    file.write_text("\n".join(json.dumps({**row, "question": f"{n}?"}) for n in range(60)))
    return file


def run(data: Path, *said: str, **options):
    return mmbench.run(
        Says(*said), "vqa", data=str(data), out=data.parent / "runs", perf="off", progress=False, **options
    )


def test_a_run_counts_what_other_extractors_would_read_and_names_the_command(data: Path) -> None:
    result = run(data, *SAID)
    (entry,) = result.runs[0].record.tasks.values()
    assert entry.readable_by == {"final-answer": 20, "mention": 20, "option": 20}
    report = (result.path / "report.md").read_text("utf-8")
    assert "final-answer 20" in report
    (typed,) = [piece for piece in report.replace("`", "").split("; ") if "mmbench rescore" in piece]
    words = shlex.split(typed[typed.index("mmbench rescore") :].rstrip("."))
    with rescore_command.make_context("rescore", words[2:]) as context:
        assert context.params["task_args"] == {"extractor": "final-answer"}
    rescore(result.path, task_args={"extractor": "final-answer"})
    (entry,) = mmbench.load_run(result.path).record.tasks.values()
    assert entry.readable_by == {}
    (value,) = mmbench.load_run(result.path).tasks["vqa/my"].metrics.values()
    assert (value.value, value.n_unparsed) == (pytest.approx(2 / 3), 20)


def test_nothing_is_counted_where_few_outputs_are_unparsed(data: Path) -> None:
    (entry,) = run(data, *["red"] * 59, SAID[0]).runs[0].record.tasks.values()
    assert entry.readable_by == {}


def test_without_a_closed_set_no_extractor_is_named_that_finds_an_answer_in_every_text(data: Path) -> None:
    data.write_text(data.read_text().replace(', "choices": ["blue", "red"]', ""))
    (entry,) = run(data, "Yes, red", task_args={"extractor": "letter"}).runs[0].record.tasks.values()
    assert entry.readable_by == {"yes-no": 60}
    assert extractor_named("exact")("Yes, red") is not None
