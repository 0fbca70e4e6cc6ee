"""Public datasets from the hub's cache, from folders as on the hub, and from official files."""

import json
import shutil
from pathlib import Path

import pytest
from shards import png, shard

from mmbench.core import DataError
from mmbench.data import Distribution, Fields, Hub, Official, questions_of

COMMIT = "c0ffee" + "0" * 34


@pytest.fixture
def source() -> Distribution:
    return Distribution(
        rows_of=questions_of,
        name="toy",
        hub=Hub(id="new/toy", also=("old/toy",), revision=COMMIT, splits={"test": "validation"}),
        official=Official(
            files={"test": ("questions.json", "annotations.json")},
            join="question_id",
            images=("val2014",),
            fields=Fields(id="question_id", image="COCO_{image_id:04d}.png", media="image_id", answers="answers"),
            url="https://example.org",
        ),
        fields=Fields(id="question_id", question="question", answers="answers", image="image", media="image_id"),
    )


@pytest.fixture
def official(tmp_path: Path) -> Path:
    folder = tmp_path / "official"
    (folder / "val2014").mkdir(parents=True)
    for number in (3, 4):
        (folder / "val2014" / f"COCO_{number:04d}.png").write_bytes(png((number, 0, 0)))
    questions = [{"question_id": n, "image_id": n, "question": f"what {n}?"} for n in (3, 4)]
    answers = [{"question_id": n, "image_id": n, "answers": [{"answer": "red", "answer_id": 1}]} for n in (4, 3)]
    (folder / "questions.json").write_text(json.dumps({"info": {}, "questions": questions}))
    (folder / "annotations.json").write_text(json.dumps({"info": {}, "annotations": answers}))
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    folder = tmp_path / "hub"
    columns = {"question_id": [3, 4], "image_id": [3, 4], "question": ["what 3?", "what 4?"]}
    shard(folder / "data" / "validation-00000-of-00001.parquet", [3, 4], answers=[["red"], ["red"]], **columns)
    return folder


def test_official_files_are_joined_and_their_images_found(source: Distribution, official: Path) -> None:
    first, second = source.at(official).rows("test")
    assert (first.id, first.question, first.answers) == ("3", "what 3?", ("red",))
    assert second.image is not None
    assert second.image.load().getpixel((0, 0)) == (4, 0, 0)


def test_every_distribution_has_the_same_fingerprint(source: Distribution, official: Path, hub: Path) -> None:
    ours, theirs = (list(source.at(path).rows("test")) for path in (official, hub))
    assert [list(row.scored()) for row in ours] == [list(row.scored()) for row in theirs]


@pytest.mark.parametrize("owner", ["new", "old"])
def test_the_cache_of_the_hub_is_read_under_any_owner(
    owner: str, source: Distribution, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "home" / "hub" / f"datasets--{owner}--toy" / "snapshots" / COMMIT
    shutil.copytree(hub, snapshot)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    assert [row.id for row in source.rows("test")] == ["3", "4"]
    assert source.notes == (f"read from {owner}/toy at {COMMIT}",)


def test_what_is_not_in_the_cache_is_no_question_of_time_where_the_network_is_forbidden(
    source: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(DataError, match="new/toy is not on this machine"):
        source.rows("test")


def test_an_official_file_that_is_missing_is_named(source: Distribution, official: Path) -> None:
    (official / "annotations.json").unlink()
    with pytest.raises(DataError, match=r"lacks the file annotations\.json; they are given out at"):
        source.at(official).rows("test")


def test_images_that_are_missing_are_counted(source: Distribution, official: Path) -> None:
    (official / "val2014" / "COCO_0004.png").unlink()
    with pytest.raises(DataError, match=r"1 image is missing: COCO_0004\.png"):
        source.at(official).rows("test")


def test_rows_without_a_partner_are_named(source: Distribution, official: Path) -> None:
    document = json.loads((official / "annotations.json").read_text())
    document["annotations"].pop()
    (official / "annotations.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"1 rows have no partner .* 3"):
        source.at(official).rows("test")
