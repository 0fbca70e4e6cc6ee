"""From the files of a benchmark to the table: cards are run by name on the official layout and on the hub's."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from shards import png, shard

from mmbench import run, score
from mmbench.core import DataError, rows_digest


@pytest.fixture
def pope(tmp_path):
    folder = tmp_path / "pope"
    (folder / "val2014").mkdir(parents=True)
    for n in range(2):
        (folder / "val2014" / f"COCO_val2014_{n:012d}.jpg").write_bytes(png((n, 0, 0)))
    for part in ("random", "popular", "adversarial"):
        rows = [
            {"question_id": n + 1, "image": f"COCO_val2014_{n % 2:012d}.jpg", "text": f"Is there a {n}?", "label": "yes" if n % 2 else "no"}
            for n in range(4)
        ]  # fmt: skip
        (folder / f"coco_pope_{part}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def mmmu(tmp_path):
    folder = tmp_path / "mmmu"
    shard(
        folder / "data" / "validation-00000-of-00001.parquet",
        [10, 20, 30],
        id=[f"validation_Accounting_{n}" for n in (1, 2, 3)],
        question=["What is 1 + 2?", "Compare <image 1> and <image 2>.", "Which?"],
        options=["[]", "['a cat', 'a dog']", "['p', 'q', 'r']"],
        answer=["['3', 'three']", "B", "A"],
        question_type=["open", "multiple-choice", "multiple-choice"],
    )
    return folder


def values(result, task):
    return {name: metric.value for name, metric in result.runs[0].tasks[task].metrics.items()}


def test_pope_is_run_from_its_official_files(tmp_path, monkeypatch, pope):
    monkeypatch.chdir(tmp_path)
    result = run("constant", "yes-no/pope", model_args={"text": "yes"}, data={"pope": pope}, progress=False)
    assert values(result, "yes-no/pope")["f1(positive=yes)"] == pytest.approx(2 / 3)
    assert values(result, "yes-no/pope")["predicted_rate(positive=yes)"] == 1.0
    oracle = run("oracle", "yes-no/pope", data={"pope": pope}, progress=False)
    assert values(oracle, "yes-no/pope")["accuracy"] == 1.0


def test_mmmu_is_run_from_the_layout_of_the_hub(tmp_path, monkeypatch, pope, mmmu):
    monkeypatch.chdir(tmp_path)
    data = {"pope": pope, "mmmu-val": mmmu}
    for model, expected in (("constant", 0.0), ("oracle", 1.0)):
        result = run(model, "yes-no/pope,mcq/mmmu-val", data=data, progress=False)
        assert values(result, "mcq/mmmu-val") == {"accuracy(rule=mmmu)": expected}


def test_a_table_of_vlmevalkit_stands_for_the_files_of_a_card(tmp_path):
    lines = ["index\tquestion\tA\tB\tC\tanswer\tcategory\timage\tprediction"]
    picture = base64.b64encode(png((1, 2, 3))).decode()
    lines += [f"{n}\twhat {n}?\tx\ty\tz\t{'ABC'[n % 3]}\tcoarse\t{picture}\tB" for n in range(3)]
    table = tmp_path / "MMStar.tsv"
    table.write_text("\n".join(lines) + "\n")
    result = score("mcq/mmstar", table, table)
    assert result.metrics[0].value == pytest.approx(1 / 3)
    assert set(result.slices["category"]) == {"coarse"}


def test_errors_cluster_by_image_and_the_fingerprint_is_the_same_without_images(pope):
    from mmbench_tasks.yes_no.cards.pope import CARD
    from mmbench_tasks.yes_no.task import YesNoTask

    seen, unseen = (YesNoTask(CARD).at(pope, seen=each) for each in (True, False))
    assert seen.fingerprint() == unseen.fingerprint()
    assert [s.cluster for s in seen.samples()] == [s.cluster for s in unseen.samples()]
    assert len({s.cluster for s in unseen.samples()}) == 2


def test_one_of_several_official_files_is_read_as_that_part(pope, tmp_path):
    from mmbench_tasks.yes_no.cards.pope import CARD
    from mmbench_tasks.yes_no.task import YesNoTask

    file = pope / "coco_pope_popular.json"
    result = run("oracle", "yes-no/pope", data={"pope": file}, limit=2, out=tmp_path / "out")
    assert list(result.tasks) == ["yes-no/pope"], "it is the published dataset, and none of the user's own"
    task = YesNoTask(CARD).at(file)
    assert {row.slices["category"] for row in task.source.rows("test")} == {"popular"}
    assert len(task.differences()) == 1
    mine = tmp_path / "mine.jsonl"
    mine.write_text("")
    assert CARD.source.takes(file)
    assert not CARD.source.takes(mine)


def test_references_that_cannot_be_had_are_asked_for(pope, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    answers = tmp_path / "answers.jsonl"
    answers.write_text(json.dumps({"id": "random/1", "answer": "yes"}) + "\n")
    with pytest.raises(DataError, match="--references"):
        score("yes-no/pope", answers)


def test_data_that_differ_from_the_fingerprint_are_said(pope):
    from mmbench_tasks.yes_no.cards.pope import CARD
    from mmbench_tasks.yes_no.task import YesNoTask

    task = YesNoTask(replace(CARD, samples=12, fingerprint="")).at(pope)
    rows = sorted(task.source.rows("test"), key=lambda row: row.id)
    assert task.differences() == ()
    same = YesNoTask(replace(CARD, samples=12, fingerprint=rows_digest(rows))).at(pope)
    assert same.differences() == ()
    file = pope / "coco_pope_random.json"
    file.write_text(file.read_text().replace("Is there a 0?", "Is there a 9?"))
    assert len(YesNoTask(same.card).at(pope).differences()) == 1
