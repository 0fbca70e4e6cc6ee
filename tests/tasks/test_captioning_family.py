"""The family `captioning`: a user's captioned pictures, and files of captions that are scored without a model."""

import gzip
import json
from pathlib import Path

import pytest

import mmbench
from mmbench.core import DataError, Family, ReadsPredictions, Response, UsageError
from mmbench.metrics.evaluate import evaluate
from mmbench_tasks.captioning.family import family
from mmbench_tasks.captioning.scenes import task as scenes

COCO = {
    "images": [{"id": n, "file_name": f"{n}.png"} for n in (5, 6, 7)],
    "annotations": [
        {"id": 10 * n + k, "image_id": n, "caption": f"picture number {n} of the three, take {k}"}
        for n in (5, 6, 7)
        for k in range(2)
    ],
}
RESULTS = [{"image_id": n, "caption": f"picture number {n} of the three, take 0"} for n in (5, 6, 7)]


def write(path: Path, content: object) -> Path:
    data = json.dumps(content).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def values(predicted):
    """Metric id to value of what was read."""
    samples = predicted.task.samples()
    responses = [[Response("ok", text) for text in predicted.outputs[sample.id]] for sample in samples]
    table = predicted.task.score(samples, responses)["sample"]
    return {str(metric.id): evaluate(metric, table).value for metric in predicted.task.metrics}


def test_it_is_a_family_that_reads_predictions():
    typed: Family = family
    assert isinstance(family, ReadsPredictions)
    assert (typed.name, typed.default) == ("captioning", "captioning/scenes")


# --- files of captions ---


@pytest.mark.parametrize("name", ["val.json", "val.json.gz"])
def test_results_against_annotations(name, tmp_path):
    references = write(tmp_path / name, COCO)
    predicted = family.open_predictions(write(tmp_path / "results.json", RESULTS), references, None)
    assert predicted.outputs == {str(n): (f"picture number {n} of the three, take 0",) for n in (5, 6, 7)}
    assert predicted.task.info.name == "captioning/val"
    assert [sample.id for sample in predicted.task.samples()] == ["5", "6", "7"]
    assert [len(predicted.task.requests(sample)) for sample in predicted.task.samples()] == [1, 1, 1]
    assert values(predicted)["bleu@4"] == pytest.approx(1)


def test_annotations_and_a_plain_object_are_worth_the_same(tmp_path):
    results = write(tmp_path / "results.json", RESULTS)
    plain = {str(n): [a["caption"] for a in COCO["annotations"] if a["image_id"] == n] for n in (5, 6, 7)}
    one = family.open_predictions(results, write(tmp_path / "a.json", COCO), None)
    two = family.open_predictions(results, write(tmp_path / "b.json.gz", plain), None)
    assert values(one) == values(two)
    assert one.task.fingerprint() == two.task.fingerprint()
    other = {**plain, "5": ["picture number five"]}
    assert family.open_predictions(results, write(tmp_path / "c.json", other), None).task.fingerprint() != (
        one.task.fingerprint()
    )


@pytest.mark.slow
def test_predictions_of_a_registered_task(tmp_path):
    file = tmp_path / "mine.jsonl"
    rows = [{"id": sample.id, "output": sample.references[1]} for sample in scenes.samples()]
    file.write_text("\n".join(map(json.dumps, rows)))
    predicted = family.open_predictions(file, None, scenes)
    assert predicted.task is scenes
    assert values(predicted)["exact_match"] == 1
    with pytest.raises(UsageError, match="has references of its own"):
        family.open_predictions(file, file, scenes)


def test_references_are_needed_and_duplicates_listed(tmp_path):
    results = write(tmp_path / "results.json", [*RESULTS, RESULTS[1]])
    with pytest.raises(UsageError, match="--references"):
        family.open_predictions(results, None, None)
    with pytest.raises(DataError, match=r"1 picture has more than one caption: 6 \(2 times\)"):
        family.open_predictions(results, write(tmp_path / "a.json", COCO), None)


@pytest.mark.slow
def test_the_published_values_of_a_thousand_captions(shared_data):
    """The demo of coco-caption: 1,000 captions among 40,504 pictures of COCO val2014."""
    whole = family.open_predictions(
        shared_data / "captions_val2014_fakecap_results.json", shared_data / "coco_val2014_captions.json.gz", None
    )
    assert (len(whole.task.samples()), len(whole.outputs)) == (40_504, 1000)
    samples = [sample for sample in whole.task.samples() if sample.id in whole.outputs]
    table = whole.task.score(samples, [[Response("ok", *whole.outputs[s.id])] for s in samples])["sample"]
    got = {str(metric.id): evaluate(metric, table).value for metric in whole.task.metrics}
    published = {"bleu@1": 0.579, "bleu@2": 0.404, "bleu@3": 0.279, "bleu@4": 0.191, "rouge_l": 0.396, "cider_d": 0.600}
    assert {name: round(value, 3) for name, value in got.items()} == published


# --- a user's pictures ---


def test_photographs_with_official_annotations(shared_data, tmp_path):
    result = mmbench.run(
        ["oracle", "constant"], "captioning", data=shared_data / "coco-mini", out=tmp_path, progress=False, perf="off"
    )
    assert result.exit_code == 0
    got = {(row.model, row.metric.id): row.metric for row in result.rows()}
    assert {row.task for row in result.rows()} == {"captioning/coco-mini"}
    assert got["oracle", "bleu@4"].n == 179
    assert got["oracle", "bleu@4"].value == pytest.approx(1)
    assert got["oracle", "cider_d"].value > 2
    assert got["constant", "bleu@4"].value < 0.01


def test_a_task_over_a_user_s_pictures(shared_data):
    task = family.from_data("mini", shared_data / "coco-mini")
    assert task.info.name == "captioning/mini"
    assert task.info.dataset.licence == "unknown"
    sample = task.samples()[0]
    assert len(sample.references) == 5
    assert task.requests(sample)[0].images == list(sample.parts)
    assert task.fingerprint() == family.from_data("mini", shared_data / "coco-mini").fingerprint()


def test_missing_pictures_are_an_error(tmp_path):
    with pytest.raises(DataError, match=r"3 images are missing: 5\.png"):
        family.from_data("x", write(tmp_path / "a.json", COCO))
