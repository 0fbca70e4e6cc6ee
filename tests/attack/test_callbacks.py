"""What a user gives to look on (displays, handlers of the log, what a model says of itself) never fails a run."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, lines, write_questions

import mmbench as package
from mmbench.core.errors import UsageError
from mmbench.runner.execute.progress import Display


class Failing:
    """A display of progress that fails from the start, or later."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: Any) -> None:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("the tracker is away")

        return call


@pytest.mark.parametrize("after", [0, 2])
def test_a_display_that_fails_fails_no_run(after: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = package.run(
            "random", "vqa", data=write_questions(tmp_path, 3), out=tmp_path / "runs", progress=Failing(after)
        )
    assert result.exit_code == 0
    assert sum("the tracker is away" in record.getMessage() for record in caplog.records) == 1


class Own(Display):
    """A display that stands on ours, and fails in one of its methods."""

    def __init__(self, where: str) -> None:
        self.seen: list[str] = []
        if where != "nowhere":
            setattr(self, where, self.fail)

    def fail(self, *_: Any) -> None:
        raise ConnectionError("the tracker is away")

    def show(self, text: str) -> None:
        self.seen.append(text)


@pytest.mark.parametrize("where", ["start", "update", "finish", "note", "problem", "show", "nowhere"])
def test_a_display_derived_from_ours_fails_no_run(where: str, tmp_path: Path) -> None:
    display = Own(where)
    result = package.run(
        Colours(), "vqa", data=write_questions(tmp_path, 3), out=tmp_path / "runs", progress=display, batch_size=1
    )
    assert result.exit_code == 0
    assert len(lines(result.path)) == 3
    assert bool(display.seen) or where in ("note", "show")


def test_what_cannot_show_progress_is_refused_before_any_work(tmp_path: Path) -> None:
    model = Colours()
    with pytest.raises(UsageError, match="start, update, finish, note"):
        package.run(model, "vqa", data=write_questions(tmp_path, 3), out=tmp_path / "runs", progress=3)  # type: ignore[arg-type]
    assert model.calls == []


@pytest.mark.parametrize("shown", [True, False])
def test_a_handler_of_the_log_that_fails_fails_no_run(shown: bool, tmp_path: Path) -> None:
    class Away(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            self.seen = True
            raise OSError("the tracker is away")

    logger, handler = logging.getLogger("mmbench"), Away()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        result = package.run(Colours(), "vqa", data=write_questions(tmp_path, 3), out=tmp_path / "runs", progress=shown)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert handler.seen
    assert result.exit_code == 0


class Torn(Mapping[str, Any]):
    """A mapping that fails when it is read."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("the server of settings is away")

    def __iter__(self) -> Iterator[str]:
        yield "one"

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("name", ["settings", "notes"])
@pytest.mark.parametrize("how", ["raises", "torn", "no mapping"])
def test_remarks_that_cannot_be_read_count_as_none(name: str, how: str, tmp_path: Path) -> None:
    class Remarks(Colours):
        def __getattribute__(self, attribute: str) -> Any:
            if attribute != name:
                return super().__getattribute__(attribute)
            if how == "raises":
                raise RuntimeError("not now")
            return Torn() if how == "torn" else 3

    result = evaluate(Remarks(), write_questions(tmp_path, 3), tmp_path)
    assert result.exit_code == 0
    assert result.runs[0].model.settings == {}


def test_a_task_that_cannot_score_an_answer_is_heard_of_after_all_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live metric is a display, too: answers are never lost to it."""
    from mmbench_tasks.vqa.task import VqaTask

    def fails(*_: Any) -> None:
        raise ZeroDivisionError("no score today")

    data, model = write_questions(tmp_path, 6), Colours()
    with monkeypatch.context() as patch:
        patch.setattr(VqaTask, "score_response", fails)
        failed = package.run(model, "vqa", data=data, out=tmp_path / "runs", progress=Own("nowhere"), batch_size=2)
    assert failed.exit_code == 4
    assert "no score today" in failed.failures["Colours"]
    assert len(model.asked) == 6
    again = package.run(model, "vqa", data=data, out=tmp_path / "runs", progress=False, batch_size=2)
    assert len(model.asked) == 6, "nothing is asked twice"
    assert again.exit_code == 0
