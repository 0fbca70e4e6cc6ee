"""``--remeasure``: the speed of a finished run measured again; answers and scores stay as they are."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, write_questions

from mmbench import UsageError
from mmbench.api.run import make_plan
from mmbench.cli.dry_run import describe
from mmbench.results.run import Run


class Paced(Colours):
    """Takes a while for each request; answers otherwise, or fails, when it is told to."""

    seconds, reply, fails, count = 0.0, "red", False, 0

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        if self.fails:
            raise RuntimeError("out of order")
        time.sleep(self.seconds * len(requests))
        self.count += len(requests)
        return [self.reply] * len(requests)


def kept(run: Run) -> dict[Path, bytes]:
    """What a run holds beside its speed and what says when it was last used."""
    files = (path for path in run.path.rglob("*") if path.is_file() and path.parent != run.path)
    return {path.relative_to(run.path): path.read_bytes() for path in files}


def first_call_s(run: Run) -> float:
    perf = run.tasks["vqa/mine"].perf
    assert perf is not None
    assert perf.quality is not None
    found = perf.quality.value("first_call_s")
    assert found is not None
    return found


def test_speed_is_measured_again_and_nothing_else_changes(tmp_path: Path) -> None:
    model, data = Paced(), write_questions(tmp_path, 16)
    first = evaluate(model, data, tmp_path, batch_size=4)
    before = kept(first.runs[0])
    model.count, model.seconds, model.reply = 0, 0.02, "green"
    again = evaluate(model, data, tmp_path, batch_size=4, remeasure=True)
    assert (model.count, again.exit_code) == (16, 0)
    assert kept(again.runs[0]) == before
    assert first_call_s(again.runs[0]) >= 0.08
    assert first_call_s(again.runs[0]) != first_call_s(first.runs[0])
    assert again.runs[0].record.status == "complete"
    other_size = evaluate(model, data, tmp_path, batch_size=2, remeasure=True)
    assert kept(other_size.runs[0]) == before
    model.fails = True
    failed = evaluate(model, data, tmp_path, batch_size=4, remeasure=True)
    assert (failed.exit_code, failed.runs[0].record.status, len(failed.load_failures)) == (4, "complete", 1)
    assert kept(failed.runs[0]) == before
    assert first_call_s(failed.runs[0]) == first_call_s(other_size.runs[0])


def test_without_a_temporary_folder_the_earlier_figures_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = Paced(), write_questions(tmp_path, 8)
    first = evaluate(model, data, tmp_path, batch_size=4)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    again = evaluate(model, data, tmp_path, batch_size=4, remeasure=True)
    assert (again.exit_code, len(again.load_failures), again.runs[0].record.status) == (4, 1, "complete")
    assert first_call_s(again.runs[0]) == first_call_s(first.runs[0])


def test_a_part_of_the_samples_does_not_take_the_place_of_the_speed_on_all_of_them(tmp_path: Path) -> None:
    model, data = Paced(), write_questions(tmp_path, 8)
    first = evaluate(model, data, tmp_path, batch_size=4)
    part = evaluate(model, data, tmp_path, batch_size=4, limit=4, remeasure=True)
    assert (model.count, part.exit_code, len(part.load_failures)) == (8, 4, 1)
    assert first_call_s(part.runs[0]) == first_call_s(first.runs[0])


def test_a_dry_run_says_what_measuring_again_asks(tmp_path: Path) -> None:
    model, data = Paced(), write_questions(tmp_path, 8)
    asked = {"data": data, "batch_size": 4, "remeasure": True}
    (before,) = describe(make_plan(model, "vqa", tmp_path / "runs", asked)).jobs
    evaluate(model, data, tmp_path, batch_size=4)
    (after,) = describe(make_plan(model, "vqa", tmp_path / "runs", asked)).jobs
    counts = [(each["left"], each["asked_again"]) for job in (before, after) for each in job["tasks"]]
    assert counts == [(8, 0), (0, 8)]


def test_what_is_left_is_asked_once_and_kept(tmp_path: Path) -> None:
    model = Paced()
    result = evaluate(model, write_questions(tmp_path, 8), tmp_path, batch_size=4, remeasure=True)
    assert (model.count, result.exit_code) == (8, 0)


def test_a_run_with_a_request_that_always_fails_is_measured_again_whole(tmp_path: Path) -> None:
    class Picky(Paced):
        def generate(self, requests: Sequence[Any]) -> list[Any]:
            if any(request.sample_id == "q3" for request in requests):
                raise RuntimeError("not this one")
            return super().generate(requests)

    model, data = Picky(), write_questions(tmp_path, 8)
    evaluate(model, data, tmp_path, batch_size=1)
    model.count = 0
    (planned,) = describe(make_plan(model, "vqa", tmp_path / "runs", {"data": data, "remeasure": True})).jobs
    again = evaluate(model, data, tmp_path, batch_size=1, remeasure=True)
    assert (planned["tasks"][0]["left"], planned["tasks"][0]["asked_again"]) == (1, 8)
    assert model.count == 7
    perf = again.runs[0].tasks["vqa/mine"].perf
    assert perf is not None
    assert perf.quality is not None
    assert perf.quality.n_calls + perf.quality.n_warm_up == 8


@pytest.mark.parametrize("other", [{"perf": "off"}, {"shard": "1/2"}, {"interleave": "random"}])
def test_what_cannot_be_measured_again_is_refused_before_anything_is_asked(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    model = Paced()
    with pytest.raises(UsageError):
        evaluate(model, write_questions(tmp_path, 4), tmp_path, remeasure=True, **other)
    assert model.count == 0
