"""Hard negatives, squares of images and captions, and similarities that stand in a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from shards import png

from mmbench import score
from mmbench.core import DataError, Response
from mmbench.data import Question, Rows, image_from_bytes
from mmbench.metrics.evaluate import evaluate
from mmbench.testing import check_task
from mmbench_tasks.retrieval.card import RetrievalCard
from mmbench_tasks.retrieval.negatives import NegativesTask, SquaresTask

FACTS = {"description": "toys", "licence": "MIT", "citation": "here", "revision": "1"}


def image(n):
    return image_from_bytes(png((n, n, n)))


@pytest.fixture
def negatives():
    rows = [
        Question(str(n), image(n), "", (f"right {n}",), (f"right {n}", f"wrong {n}"), {"category": "swap"})
        for n in range(3)
    ]
    return NegativesTask(RetrievalCard(name="retrieval/toys", source=Rows({"test": rows}), form="negatives", **FACTS))


def value(task, tables):
    return {str(metric.id): evaluate(metric, tables[metric.unit]).value for metric in task.metrics}


def test_a_caption_must_be_closer_than_its_negative_and_a_tie_is_half(negatives):
    samples = negatives.samples()
    near = {
        "right 0": [1.0, 0.0],
        "wrong 0": [0.0, 1.0],
        "right 1": [0.0, 1.0],
        "wrong 1": [1.0, 0.1],
        "right 2": [2.0, 2.0],
        "wrong 2": [1.0, 1.0],
    }
    answered = [
        [Response("ok", near.get(part, [1.0, 0.0]) if isinstance(part, str) else [1.0, 0.0]) for part in s.parts]
        for s in samples
    ]
    assert value(negatives, negatives.score(samples, answered)) == {"accuracy": 0.5}
    answered[0][1] = Response("error", error="no")
    table = negatives.score(samples, answered)["sample"]
    assert table.status[0] == "error"


def test_negatives_and_squares_keep_the_rules_of_tasks(negatives):
    check_task(negatives, fresh_process=False).raise_if_failed()
    check_task(negatives.with_options(by="choose"), fresh_process=False).raise_if_failed()
    rows = [Question(str(n), image(2 * n), "", (f"a {n}", f"b {n}"), more_images=(image(2 * n + 1),)) for n in range(3)]
    squares = SquaresTask(RetrievalCard(name="retrieval/squares", source=Rows({"test": rows}), form="squares", **FACTS))
    check_task(squares, fresh_process=False).raise_if_failed()


@pytest.mark.parametrize(
    ("images", "captions", "expected"),
    [
        ([[1, 0], [0, 1]], [[1, 0], [0, 1]], (1, 1, 1)),
        ([[1, 0], [1, 0]], [[1, 0], [1, 0]], (0, 0, 0)),  # ties are wrong
        ([[1, 0], [0.8, 0.6]], [[1, 0], [0, 1]], (0, 1, 0)),
        ([[1, 0], [0, 1]], [[1, 0], [0.8, 0.6]], (1, 0, 0)),
    ],
)
def test_the_scores_of_winoground_are_strict(images, captions, expected):
    rows = [Question("0", image(1), "", ("a", "b"), more_images=(image(2),))]
    task = SquaresTask(RetrievalCard(name="retrieval/squares", source=Rows({"test": rows}), form="squares", **FACTS))
    tables = task.score(task.samples(), [[Response("ok", each) for each in (*images, *captions)]])
    near = (
        np.array(images)
        / np.linalg.norm(images, axis=1, keepdims=True)
        @ (np.array(captions) / np.linalg.norm(captions, axis=1, keepdims=True)).T
    )
    text = near[0, 0] > near[0, 1] and near[1, 1] > near[1, 0]
    both = near[0, 0] > near[1, 0] and near[1, 1] > near[0, 1]
    found = tuple(value(task, tables).values())
    assert found == (text, both, text and both)
    assert found == expected


@pytest.fixture
def captions(tmp_path):
    images = [
        {"filename": f"COCO_val2014_{n:012d}.jpg", "filepath": "val2014", "cocoid": n, "split": "test" if n < 6 else "val", "sentences": [{"raw": f"caption {n} {k}"} for k in range(5 + n % 2)]}
        for n in range(8)
    ]  # fmt: skip
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"dataset": "coco", "images": images}))
    return tmp_path


def test_a_matrix_of_similarities_gets_what_the_embeddings_get(captions):
    rng = np.random.default_rng(5)
    image_emb, text_emb = rng.standard_normal((6, 4)), rng.standard_normal((30, 4))
    image_emb, text_emb = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (image_emb, text_emb))
    image_emb, text_emb = image_emb.astype(np.float32), text_emb.astype(np.float32)
    np.savez(captions / "emb.npz", image_emb=image_emb, text_emb=text_emb, text_image_index=np.repeat(np.arange(6), 5))
    np.save(captions / "sims.npy", image_emb.astype(float) @ text_emb.T.astype(float))
    np.savez(captions / "both.npz", score_matrix_i2t=image_emb @ text_emb.T, score_matrix_t2i=text_emb @ image_emb.T)
    embedded = {m.id: m.value for m in score("retrieval/coco-karpathy", captions / "emb.npz", captions).metrics}
    for name in ("sims.npy", "both.npz"):
        found = {m.id: m.value for m in score("retrieval/coco-karpathy", captions / name, captions).metrics}
        assert found == pytest.approx(embedded)
    assert "ndcg@10(direction=t2i)" in embedded
    np.save(captions / "few.npy", np.zeros((5, 30)))
    with pytest.raises(DataError, match=r"\[5, 30\]"):
        score("retrieval/coco-karpathy", captions / "few.npy", captions)


@pytest.mark.parametrize(("order", "right"), [("positive", 211), ("negative", 198)])
def test_choices_of_gpt4v_in_sugarcrepe(shared_data, order, right):
    folder = shared_data.parent / "cases" / "layouts" / "sugarcrepe"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared/cases beside the checkout")
    file = folder / f"gpt4v_{order}_swap_obj.json"
    assert score("retrieval/sugarcrepe", file, file).metrics[0].value == pytest.approx(right / 246)
