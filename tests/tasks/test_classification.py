"""Images of classes: folders, prompts that are embedded, answers, and several labels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from shards import png

from mmbench import run, score
from mmbench.core import DataError, Response, UsageError
from mmbench.metrics.evaluate import evaluate
from mmbench.testing import check_task
from mmbench_tasks.classification.family import family


@pytest.fixture
def folder(tmp_path):
    for name, colours in {"red_fox": (200, 210), "blue_jay": (10, 20, 30)}.items():
        (tmp_path / "animals" / name).mkdir(parents=True)
        for colour in colours:
            (tmp_path / "animals" / name / f"{colour}.png").write_bytes(png((colour, 0, 0)))
    return tmp_path / "animals"


def values(task, tables):
    return {str(metric.id): evaluate(metric, tables[metric.unit]).value for metric in task.metrics}


def test_a_folder_of_classes_is_a_dataset(folder):
    task = family.from_data("animals", folder)
    assert task.card.classes == ("blue jay", "red fox")
    assert [sample.id for sample in task.samples()] == [
        "blue_jay/10.png",
        "blue_jay/20.png",
        "blue_jay/30.png",
        "red_fox/200.png",
        "red_fox/210.png",
    ]
    first, second = task.samples()[:2]
    assert [request.part for request in task.requests(first)[1:]] == ["a photo of a blue jay.", "a photo of a red fox."]
    assert len(task.requests(second)) == 1
    (folder / "classes.txt").write_text("red_fox\tfox\nblue_jay\tjay\n")
    assert family.from_data("animals", folder).card.classes == ("jay", "fox")
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        family.from_data("animals", folder)


def test_a_class_is_the_mean_of_its_texts(folder):
    task = family.from_data("animals", folder).with_options(templates="a {}|the {}")
    vectors = {"a blue jay": [1, 0, 0], "the blue jay": [0, 1, 0], "a red fox": [0, 0, 5], "the red fox": [0, 0, 1]}
    images = [[1, 1, 0.1], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 2], [1, 0, 1 / np.sqrt(2)]]
    responses = []
    for sample, image in zip(task.samples(), images, strict=True):
        responses.append(
            [
                Response("ok", vectors.get(request.part, image))
                if isinstance(request.part, str)
                else Response("ok", image)
                for request in task.requests(sample)
            ]
        )
    tables = task.score(task.samples(), responses)
    assert values(task, tables)["accuracy"] == pytest.approx(
        (1 + 1 + 0 + 1 + 0.5) / 5
    )  # the last image is as close to both
    responses[0][1] = Response("error", error="no")
    assert set(task.score(task.samples(), responses)["sample"].status) == {"error"}
    with pytest.raises(UsageError):
        task.with_options(templates="no place")


def test_both_ways_keep_the_rules_of_tasks(folder):
    task = family.from_data("animals", folder)
    check_task(task.with_options(by="choose"), fresh_process=False).raise_if_failed()


def test_a_folder_is_run_and_answers_about_it_are_scored(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("oracle", "classification", data={"classification": folder}, progress=False)
    (task,) = result.runs[0].tasks.values()
    assert task.metrics["accuracy"].value == 1.0
    rows = [{"id": f"blue_jay/{n}.png", "prediction": "a blue jay"} for n in (10, 20, 30)]
    rows += [{"id": f"red_fox/{n}.png", "prediction": "blue jay"} for n in (200, 210)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert score("classification", tmp_path / "p.jsonl", folder).metrics[0].value == pytest.approx(3 / 5)


def test_several_genres_of_mm_imdb(tmp_path):
    (tmp_path / "dataset").mkdir()
    films = {"0001": ["Drama", "Romance"], "0002": ["Comedy", "News"], "0003": ["News"]}
    for name, genres in films.items():
        (tmp_path / "dataset" / f"{name}.json").write_text(
            json.dumps({"plot": ["short", "a longer plot"], "genres": genres})
        )
    (tmp_path / "split.json").write_text(json.dumps({"test": list(films), "train": [], "dev": []}))
    (tmp_path / "p.json").write_text(json.dumps({"0001": "Drama, War", "0002": "comedy."}))
    found = {m.id: m.value for m in score("classification/mm-imdb", tmp_path / "p.json", tmp_path).metrics}
    assert found["f1(average=micro,zero_division=0)"] == pytest.approx(2 * 2 / (3 + 3))
    assert found["f1(average=samples)"] == pytest.approx((0.5 + 1.0) / 2)
