"""The bundled cards: complete, consistent, and each scored from files as its benchmark gives them out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mmbench import registry, score
from mmbench.core import CardTask
from mmbench.data import Distribution
from mmbench.metrics import metric_from_id
from mmbench_tasks.official import find_file

NAMES = [plugin.name for plugin in registry.plugins("dataset") if plugin.distribution.startswith("mmbench==")]
JUDGED = ("mcq/mmbench-en-dev", "mcq/mathvista-mini", "yes-no/hallusionbench")


def card_of(name):
    return registry.load(next(plugin for plugin in registry.plugins("dataset") if plugin.name == name))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_complete_and_named_like_its_entry(name):
    card, task = card_of(name), registry.load(registry.find("task", name))
    assert card.name == name == task.info.name
    assert isinstance(task, CardTask)
    assert card.description.strip().endswith(tuple("abcdefghijklmnopqrstuvwxyz0123456789)%"))
    for metric in task.info.primary:
        assert str(metric_from_id(metric).id) == metric
    source = card.source
    if not isinstance(source, Distribution):
        return
    assert source.hub is not None or source.official is not None
    if source.hub is not None:
        assert source.hub.unpinned or re.fullmatch("[0-9a-f]{40}", source.hub.revision)
    if source.official is not None:
        assert source.official.url.startswith("https://")


@pytest.mark.parametrize("name", JUDGED)
def test_where_the_field_asks_a_judge_the_ids_say_that_rules_read_the_answers(name):
    primary = registry.load(registry.find("task", name)).info.primary
    assert all("extraction=rules" in metric for metric in primary)


def test_every_file_of_a_card_is_registered(repository):
    files = {path.stem for path in (repository / "tasks/mmbench_tasks").glob("*/cards/*.py")} - {"__init__"}
    targets = {plugin.module.rpartition(".")[2] for plugin in registry.plugins("dataset")}
    assert files <= targets
    assert find_file(repository, "no such file") is None


def values(result):
    return {metric.id: metric.value for metric in result.metrics}


def write(folder: Path, name: str, content) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def people(*texts):
    return [{"answer": text, "answer_id": n, "answer_confidence": "yes"} for n, text in enumerate(texts, 1)]


OFFICIAL = {
    "vqa/vqav2": (
        {"v2_mscoco_val2014_annotations.json": {"annotations": [
            {"question_id": 1, "image_id": 7, "answer_type": "other", "answers": people(*["red"] * 6, *["blue"] * 4)},
            {"question_id": 2, "image_id": 7, "answer_type": "yes/no", "answers": people(*["yes"] * 10)}]}},
        [{"question_id": 1, "answer": "blue"}, {"question_id": 2, "answer": "Yes"}],
        {"vqa_accuracy(variant=official-2021)": (1.0 + 0.0) / 2},  # not normalised where all agree
    ),
    "vqa/gqa": (
        {"testdev_balanced_questions.json": {"201": {"question": "?", "answer": "left", "imageId": "n1", "types": {"structural": "query"}},
                                             "202": {"question": "?", "answer": "yes", "imageId": "n1", "types": {"structural": "verify"}}}},
        [{"questionId": "201", "prediction": "Left."}, {"questionId": "202", "prediction": "yes it is"}],
        {"accuracy(rule=gqa)": 0.5},
    ),
    "vqa/chartqa": (
        {"test_human.json": [{"imgname": "a.png", "query": "?", "label": "100"}], "test_augmented.json": [{"imgname": "b.png", "query": "?", "label": "14"}]},
        [{"id": "human/0", "prediction": "104"}, {"id": "augmented/0", "prediction": "15"}],
        {"relaxed_accuracy(tolerance=0.05)": 0.5},
    ),
    "vqa/docvqa": (
        {"val_v1.0_withQT.json": {"data": [{"questionId": 5, "question": "?", "image": "documents/a.png", "answers": ["ITC Limited", "itc"]}]}},
        [{"questionId": 5, "answer": "ITC Limitd"}],
        {"anls(threshold=0.5)": 1 - 1 / 11},
    ),
    "vqa/ocrbench": (
        {"OCRBench.json": [{"dataset_name": "IIIT5K", "id": 0, "image_path": "a.jpg", "question": "?", "answers": ["CENTRE"], "type": "Regular Text Recognition"},
                           {"dataset_name": "HME100k", "id": 1, "image_path": "b.jpg", "question": "?", "answers": ["x ^ 2"], "type": "Handwritten Mathematical Expression Recognition"}]},
        [{"id": 0, "predict": "the centre", "answers": ["CENTRE"]}, {"id": 1, "predict": "X^2", "answers": ["x ^ 2"]}],
        {"accuracy(rule=ocrbench)": 0.5},
    ),
    "vqa/a-okvqa": (
        {"aokvqa_v1p0_val.json": [
            {"question_id": "q1", "image_id": 3, "question": "?", "choices": ["a", "b", "c", "d"], "correct_choice_idx": 1, "direct_answers": ["b"] * 2 + ["c"] * 8, "difficult_direct_answer": False},
            {"question_id": "q2", "image_id": 3, "question": "?", "choices": ["a", "b", "c", "d"], "correct_choice_idx": 0, "direct_answers": ["a"] * 10, "difficult_direct_answer": True}]},
        {"q1": {"multiple_choice": "b", "direct_answer": "b"}},
        {"direct_answer_accuracy": 2 / 3},
    ),
    "mcq/a-okvqa": (
        {"aokvqa_v1p0_val.json": [{"question_id": "q1", "image_id": 3, "question": "?", "choices": ["a", "b", "c", "d"], "correct_choice_idx": 1, "direct_answers": ["b"] * 10}]},
        {"q1": {"multiple_choice": "b", "direct_answer": "zzz"}},
        {"accuracy": 1.0},
    ),
    "mcq/scienceqa": (
        {"problems.json": {"4": {"question": "?", "choices": ["x", "y"], "answer": 1, "hint": "", "image": None, "split": "test", "subject": "s"},
                           "5": {"question": "?", "choices": ["x", "y"], "answer": 0, "hint": "h", "image": "image.png", "split": "test", "subject": "s"},
                           "6": {"question": "?", "choices": ["x", "y"], "answer": 0, "hint": "", "image": None, "split": "train", "subject": "s"}}},
        {"acc": 0, "results": {"4": 1, "5": -1}, "outputs": {"4": "B. y", "5": "y"}},
        {"accuracy": 0.5},
    ),
    "mcq/mathvision": (
        {"test.jsonl": '{"id": "1", "question": "<image1>", "options": ["1", "2"], "answer": "B", "image": "images/1.jpg", "subject": "s", "level": 1}\n'
                       '{"id": "2", "question": "?", "options": [], "answer": "0.5", "image": "images/2.jpg", "subject": "s", "level": 2}\n'},
        [{"id": "1", "response": "The answer is 2", "answer": "gold"}, {"id": "2", "response": "\\boxed{\\frac12}", "answer": "gold"}],
        {"accuracy(rule=mathvision)": 1.0},
    ),
    "captioning/nocaps": (
        {"nocaps_val_4500_captions.json": {"images": [{"id": n, "file_name": f"{n}.jpg", "domain": d} for n, d in enumerate(["in-domain", "out-domain"])],
                                           "annotations": [{"id": k, "image_id": k % 2, "caption": f"a {'red' if k % 2 else 'blue'} ball {k}"} for k in range(4)]}},
        [{"image_id": 0, "caption": "a blue ball 0"}, {"image_id": 1, "caption": "a red ball 3"}],
        {"rouge_l": 1.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_files_and_results_are_scored_by_the_official_rule(tmp_path, name):
    references, results, expected = OFFICIAL[name]
    for file, content in references.items():
        write(tmp_path, file, content)
    given = tmp_path if len(references) > 1 else tmp_path / next(iter(references))
    found = score(name, write(tmp_path, "model_results.json", results), given)
    assert {key: values(found)[key] for key in expected} == pytest.approx(expected)
    assert "values are not those of the benchmark" in found.notes[0] if card_of(name).samples else not found.notes
