"""Published datasets of sentiment, read from their official files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmbench import score
from mmbench.core import DataError
from mmbench_tasks.sentiment.cards import mustard
from mmbench_tasks.sentiment.published import merged


@pytest.mark.parametrize(
    ("text", "image", "label"),
    [
        ("positive", "positive", "positive"),
        ("neutral", "negative", "negative"),
        ("negative", "neutral", "negative"),
        ("positive", "negative", None),
        ("neutral", "neutral", "neutral"),
        (None, "neutral", None),
    ],
)
def test_labels_of_text_and_image_are_merged(text, image, label):
    assert merged(text, image) == label


def test_mvsa_is_read_and_scored(tmp_path: Path):
    (tmp_path / "data").mkdir()
    lines = ["ID\ttext,image", "1\tpositive,neutral", "2\tpositive,negative", "3\tneutral,neutral"]
    (tmp_path / "labelResultAll.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "data" / "1.txt").write_bytes("caf\xe9".encode("latin-1"))
    (tmp_path / "p.csv").write_text("id,prediction\n1,positive\n3,negative\n")
    result = score("sentiment/mvsa-single", tmp_path / "p.csv", tmp_path)
    assert (result.metrics[0].id, result.metrics[0].value, result.metrics[0].n) == ("accuracy", 0.5, 2)
    several = [
        "ID\ta\tb\tc",
        "1\tpositive,neutral\tpositive,positive\tneutral,neutral",
        "2\tpositive,neutral\tneutral,neutral\tnegative,neutral",
    ]
    (tmp_path / "labelResultAll.txt").write_text("\n".join(several) + "\n")
    (tmp_path / "p.csv").write_text("id,prediction\n1,positive\n")
    assert score("sentiment/mvsa-multiple", tmp_path / "p.csv", tmp_path).metrics[0].value == 1.0


def test_meld_clusters_by_dialogue(tmp_path: Path):
    rows = ["Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID"]
    rows += [
        f'{n},"Oh, no!",Ross,{emotion},negative,{n // 2},{n % 2}'
        for n, emotion in enumerate(["anger", "joy", "joy", "fear"])
    ]
    (tmp_path / "test_sent_emo.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "p.jsonl").write_text(
        "".join(json.dumps({"id": f"dia{n // 2}_utt{n % 2}", "prediction": "joy"}) + "\n" for n in range(4))
    )
    result = score("sentiment/meld", tmp_path / "p.jsonl", tmp_path)
    assert result.primary[0] == "f1(average=weighted)"
    (weighted,) = (m for m in result.metrics if m.id == "f1(average=weighted)")
    assert weighted.value == pytest.approx(0.5 * (2 * 2 / 6))
    assert weighted.n_clusters == 2


def test_other_shows_than_friends_are_for_training_in_mustard(shared_data):
    folder = shared_data.parent / "cases" / "layouts" / "mustard"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared/cases beside the checkout")
    source = mustard.CARD.source.at(folder / "sarcasm_first200.json", seen=False)
    held = json.loads((folder / "sarcasm_first200.json").read_text())
    friends = {name for name, item in held.items() if item["show"] == "FRIENDS"}
    assert not friends  # the first 200 items are of another show
    assert {row.id for row in source.rows("train")} == set(held)
    labels = {row.id: row.label == "sarcastic" for row in source.rows("train")}
    assert labels == {name: item["sarcasm"] for name, item in held.items()}
    with pytest.raises(DataError):
        source.rows("test")
