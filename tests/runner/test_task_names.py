"""What may stand after ``--tasks`` and ``--data``."""

from pathlib import Path
from typing import Any

import pytest
from helpers import write_captions, write_questions

from mmbench.core import DataSource, PluginError, UnknownNameError, UsageError
from mmbench.resolve.task_names import resolve_source, resolve_tasks
from mmbench_tasks.vqa.family import family


def names(*tasks: str, data: tuple[str, ...] = ()) -> list[str]:
    return [task.name for task in resolve_tasks(tasks, [DataSource.parse(text) for text in data])]


def test_a_task_by_its_full_name() -> None:
    assert names("vqa/easy-vqa") == ["vqa/easy-vqa"]


def test_a_family_means_its_default_and_is_shown_under_the_full_name() -> None:
    assert names("vqa") == [family.default]


def test_a_family_without_embedded_data_asks_for_yours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "default", None, raising=False)
    with pytest.raises(UsageError, match="vqa has no embedded data; give it yours: --tasks vqa --data FILE_OR_FOLDER"):
        names("vqa")


def test_your_data_have_the_name_of_their_file_or_the_one_you_give(tmp_path: Path) -> None:
    questions, captions = write_questions(tmp_path), write_captions(tmp_path)
    assert names("vqa", data=(str(questions),)) == ["vqa/mine"]
    assert names("vqa", data=(f"vqa={questions}",)) == ["vqa/mine"]
    assert names("vqa", data=(f"colours={questions}",)) == ["vqa/colours"]
    assert names("vqa/colours", data=(f"colours={questions}",)) == ["vqa/colours"]
    assert names("vqa/colours", data=(f"vqa/colours={questions}",)) == ["vqa/colours"]
    both = (f"retrieval={captions}", f"vqa={questions}")
    assert names("vqa", "retrieval", data=both) == ["vqa/mine", "retrieval/captions"]


def test_data_that_no_task_takes_or_that_fit_twice_are_refused(tmp_path: Path) -> None:
    questions = write_questions(tmp_path)
    with pytest.raises(UsageError, match="no task in 'vqa/easy-vqa' takes it"):
        names("vqa/easy-vqa", data=(str(questions),))
    with pytest.raises(UsageError, match="several --data fit 'vqa'; write --data vqa=PATH"):
        names("vqa", data=(f"one={questions}", f"two={questions}"))
    with pytest.raises(UsageError, match="no task in 'vqa' takes it"):
        names("vqa", data=(f"vqa={questions}", f"retrieval={questions}"))


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("vqaa", r"unknown task 'vqaa'\. Did you mean 'vqa'"),
        ("vqa/esy-vqa", r"Did you mean 'vqa/easy-vqa'.* For your own data: --tasks vqa --data FILE"),
        ("retrievl/coco", r"unknown task 'retrievl/coco'"),
        ("", "unknown task ''"),
    ],
)
def test_an_unknown_task_gets_the_nearest(task: str, said: str) -> None:
    with pytest.raises(UnknownNameError, match=said):
        names(task)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", "has no attribute 'task'"),
        ("task = 3", "is not a task: it lacks info, metrics, samples"),
        ("1/0", "Zero"),
    ],
)
def test_a_file_that_is_no_task_is_refused_with_the_reason(tmp_path: Path, source: str, said: str) -> None:
    path = tmp_path / "no_task_here.py"
    path.write_text(source, encoding="utf-8")
    with pytest.raises(PluginError, match=said):
        names(str(path))


def test_what_was_resolved_is_found_again_from_the_record_in_run_json(tmp_path: Path) -> None:
    questions = write_questions(tmp_path)
    for task, data in (("vqa/easy-vqa", ()), ("vqa", (DataSource(str(questions), "colours"),))):
        (first,) = resolve_tasks([task], data, {"extractor": "mention"})
        again = resolve_source(first.source)
        assert again.name == first.name
        assert again.task.info == first.task.info
        assert again.task.fingerprint() == first.task.fingerprint()


def test_options_for_a_task_that_takes_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text(PLAIN, encoding="utf-8")
    options: dict[str, Any] = {"extractor": "exact"}
    with pytest.raises(UsageError, match="task 'plain/one' takes no options; got extractor"):
        resolve_tasks(["plain.py:task"], [], options)


PLAIN = """
from mmbench import DatasetInfo, PerSampleTask, TaskInfo


class Plain(PerSampleTask):
    info = TaskInfo("plain/one", "1", "asks", DatasetInfo("d", "1", "CC0-1.0", ""), frozenset({"generate"}), ("accuracy",))
    metrics = ()

    def fingerprint(self): return "1"
    def samples(self, split="test"): return []
    def requests(self, sample): return []
    def chance(self, samples): return {}


task = Plain()
"""
