"""The samples on which two runs differ, with answers and, where they are at hand, questions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answers import side
from helpers import write_questions
from stored import TASK, score_table, write_run

from mmbench.comparison.flips import flips, with_samples
from mmbench.core.errors import NotComparableError
from mmbench.core.media import Media
from mmbench.core.samples import Sample
from mmbench.data.sources import ArrayImage
from mmbench.metrics import mean_metric, median_metric
from mmbench.results.find import load_run
from mmbench.results.schema import TaskSource


def stored(out: Path, a, b, *metrics):
    for name, table in (("first", a), ("second", b)):
        write_run(out, name, {TASK: [table]}, metrics or [mean_metric("accuracy", "sample", "accuracy")])
    return load_run("first", out), load_run("second", out)


def test_losses_and_gains_come_in_turn_the_largest_first(tmp_path: Path) -> None:
    a = score_table([1.0, 0.0, 1.0, 0.5, 0.0, 1.0, 0.2])
    b = score_table([0.9, 1.0, 0.0, 1.0, 0.0, 0.0, 0.2])
    found = flips(*stored(tmp_path, a, b), TASK, "accuracy", 10)
    assert [(each.id, each.better) for each in found] == [
        ("s2", False),
        ("s1", True),
        ("s5", False),
        ("s3", True),
        ("s0", False),
    ]
    assert (found[0].score_a, found[0].score_b) == (1.0, 0.0)
    assert [each.id for each in flips(*stored(tmp_path / "two", a, b), TASK, "accuracy", 2)] == ["s2", "s1"]


def test_of_a_rank_lower_is_better(tmp_path: Path) -> None:
    rank = mean_metric("mean_rank", "sample", "accuracy", higher_is_better=False, bounds=(1.0, None), scale=1.0)
    (found,) = flips(*stored(tmp_path, score_table([5.0, 1.0]), score_table([2.0, 1.0]), rank), TASK, "mean_rank", 9)
    assert (found.better, found.score_a, found.score_b) == (True, 5.0, 2.0)


def test_answers_come_from_the_tables(tmp_path: Path) -> None:
    a = score_table([1.0, 1.0], answers=["red", "blue"])
    b = score_table([1.0, 0.0], answers=["red", None])
    (found,) = flips(*stored(tmp_path, a, b), TASK, "accuracy", 9)
    assert (found.id, found.answer_a, found.answer_b) == ("s1", "blue", None)


def test_answers_come_from_the_log_where_tables_have_none(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 8)
    sides = [side(tmp_path, data, "Red"), side(tmp_path, data, "Green", {"q1": "green", "q4": "black"})]

    class WithoutAnswers:
        def __init__(self, store, log):
            self.store, self.responses = store, log

        def __getattr__(self, name):
            return getattr(self.store, name)

        def tables(self):
            return {unit: replace(table, answers=None) for unit, table in self.store.tables().items()}

        def tables_beside(self, other):
            return self.tables()

    def without_answers(run, log=None):
        task = run.tasks["vqa/mine"]
        store = WithoutAnswers(task.store, log or task.store.responses)
        return replace(run, tasks={"vqa/mine": replace(task, store=store)})

    bare = [without_answers(each) for each in sides]
    found = flips(*bare, "vqa/mine", "accuracy", 9)
    assert [(each.id, each.answer_a, each.answer_b) for each in found] == [
        ("q4", "red", "black"),
        ("q1", "red", "green"),
    ]
    gone = [without_answers(each, lambda: iter(())) for each in sides]
    assert [each.answer_a for each in flips(*gone, "vqa/mine", "accuracy", 9)] == [None, None]


def test_a_metric_that_cannot_be_computed_has_no_flips(tmp_path: Path) -> None:
    own = median_metric("own_median", "sample", "accuracy")
    with pytest.raises(NotComparableError, match="own_median"):
        flips(*stored(tmp_path, score_table([1.0]), score_table([0.0]), own), TASK, "own_median", 3)


def test_a_picture_without_a_file_is_named_by_the_command_that_shows_its_sample(tmp_path: Path) -> None:
    found = flips(*stored(tmp_path, score_table({"q 1": 1.0}), score_table({"q 1": 0.0})), TASK, "accuracy", 9)

    def picture(medium: Media, source: TaskSource, split: str = "test") -> str | None:
        (flip,) = with_samples(found, [Sample("q 1", ("what?", medium))], source, split)
        return flip.picture

    drawn = Media("image", "image/png", "0" * 64, ArrayImage(np.zeros((4, 4, 3), dtype=np.uint8)))
    own = TaskSource(name="vqa/mine", data_name="vqa/mine", data_path="/d/mine.jsonl", options={"k": 2})
    assert picture(drawn, TaskSource(name="vqa/scenes")) == "mmbench show vqa/scenes --sample 'q 1'"
    assert (
        picture(drawn, own, "dev")
        == "mmbench show vqa --data vqa/mine=/d/mine.jsonl --task-args k=2 --split dev --sample 'q 1'"
    )


def test_questions_are_those_of_the_sample_or_of_what_the_unit_is_a_part_of(tmp_path: Path) -> None:
    a, b = (
        score_table({"q1": 1.0, "q2/caption/0": 1.0, "zz": 1.0}),
        score_table({"q1": 0.0, "q2/caption/0": 0.0, "zz": 0.0}),
    )
    found = with_samples(
        flips(*stored(tmp_path, a, b), TASK, "accuracy", 9),
        [Sample("q1", ("what?", "really?"), ("red",)), Sample("q2", ("a dog",))],
        TaskSource(name=TASK),
        "test",
    )
    assert [(each.id, each.question, each.references, each.picture) for each in found] == [
        ("q1", "what? really?", ("red",), None),
        ("q2/caption/0", "a dog", (), None),
        ("zz", None, (), None),
    ]
