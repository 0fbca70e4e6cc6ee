"""Photographs with human captions, and a third party's predictions, through the whole of a run."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import write_picture, write_rows

import mmbench

pytestmark = pytest.mark.slow


class Looks:
    """Says which colour channel is strongest, and embeds pictures and texts alike; it loads every picture."""

    def __init__(self) -> None:
        self.sizes: set[tuple[int, int]] = set()

    def generate(self, requests: Sequence[Any]) -> list[str]:
        captions = []
        for request in requests:
            picture = request.images[0].load()
            self.sizes.add(picture.size)
            means = [sum(band.histogram()[level] * level for level in range(256)) for band in picture.split()]
            captions.append(f"a {['red', 'green', 'blue'][means.index(max(means))]} photograph")
        return captions

    def embed(self, requests: Sequence[Any]) -> list[list[float]]:
        return [[1.0, float(len(request.id))] for request in requests]


def test_captioning_and_retrieval_run_over_photographs(shared_data: Path, tmp_path: Path) -> None:
    model = Looks()
    data = {"coco-mini": str(shared_data / "coco-mini")}
    result = mmbench.run(model, "captioning,retrieval", data=data, out=tmp_path, progress=False)
    assert result.exit_code == 0
    values = {(row.task, row.id): row for row in result.rows()}
    assert values["captioning/coco-mini", "bleu@4"].metric.n == 179
    assert values["retrieval/coco-mini", "recall@1(direction=t2i)"].metric.n == 895
    assert len(model.sizes) > 1
    assert max(max(size) for size in model.sizes) == 320


@pytest.mark.parametrize(("variant", "published"), [("textvqa-evalai", 0.74414), ("official-2021", 0.7343)])
def test_replayed_predictions_get_the_published_accuracy(
    shared_data: Path, tmp_path: Path, variant: str, published: float
) -> None:
    with gzip.open(shared_data / "textvqa_val_with_predictions.json.gz") as stream:
        known = json.load(stream)
    rows = list(zip(map(str, known["question_ids"]), known["answers"], known["predictions"], strict=True))
    write_picture(tmp_path / "none.png", (0, 0, 0))  # replayed answers look at none
    data = write_rows(
        tmp_path / "textvqa.jsonl",
        [{"id": name, "image": "none.png", "question": "?", "answers": people} for name, people, _ in rows],
    )
    said = write_rows(tmp_path / "said.jsonl", [{"id": name, "prediction": answer} for name, _, answer in rows])
    result = mmbench.run(
        f"replay/{said}", "vqa", data=str(data), task_args={"variant": variant}, out=tmp_path / "runs", progress=False
    )
    (row,) = result.rows()
    assert row.id == f"vqa_accuracy(variant={variant})"
    assert row.value == pytest.approx(published, abs=5e-5)
