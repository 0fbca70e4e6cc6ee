"""Models that give several vectors for an item: how these are kept, scored, resumed, cached and mended."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import evaluate, lines, log_of, write_captions

from mmbench.core import Embed
from mmbench.metrics import max_sim
from mmbench.results.log import embedding_of, read_embeddings
from mmbench.results.mend import mend_log


def vectors_of(part: Any) -> Any:
    """Some vectors, that of a picture close to those of its captions."""
    text = part if isinstance(part, str) else None
    number = int(text.split()[2].strip(",")) if text else int(np.asarray(part.load())[0, 0, 0])
    rng = np.random.default_rng([number, len(text or "")])
    own = np.random.default_rng(number).standard_normal((2 + number % 3, 6))
    return (
        np.repeat(own, 1 + (text is None), axis=0) + 0.9 * rng.standard_normal((len(own) * (1 + (text is None)), 6))
    ).astype(np.float32)


class Late:
    """Several vectors an item."""

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, requests: list[Embed]) -> list[Any]:
        self.asked += len(requests)
        return [vectors_of(request.part) for request in requests]


def recall_at_1(n: int, each: int) -> tuple[float, float]:
    """By hand: the share of pictures that find a caption of theirs first, and of captions that find their picture."""
    from mmbench.data import image_from_array

    def unit(vectors: Any) -> Any:
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    pictures = [image_from_array(np.full((2, 2, 3), (i, 0, 7), dtype=np.uint8)) for i in range(n)]
    seen = [unit(vectors_of(picture)) for picture in pictures]
    read = [unit(vectors_of(f"picture number {i}, take {k}")) for i in range(n) for k in range(each)]
    i2t = [int(np.argmax([max_sim(s, r) for r in read])) // each == i for i, s in enumerate(seen)]
    t2i = [int(np.argmax([max_sim(r, s) for s in seen])) == i // each for i, r in enumerate(read)]
    return float(np.mean(i2t)), float(np.mean(t2i))


def values(result: Any) -> dict[str, float]:
    return {row.metric.id: row.metric.value for row in result.rows()}


def test_they_are_kept_together_and_scored_by_late_interaction(tmp_path: Path) -> None:
    result = evaluate(Late(), write_captions(tmp_path, 12, 2), tmp_path, "retrieval", batch_size=5)
    assert result.exit_code == 0
    rows = lines(result.path)
    vectors = read_embeddings(log_of(result.path).parent / "embeddings.bin")
    assert vectors is not None
    assert sum(line.rows or 0 for line in rows) == len(vectors)
    kept = embedding_of(rows[0], vectors)
    assert kept is not None
    assert kept.shape == (rows[0].rows, 6)
    i2t, t2i = recall_at_1(12, 2)
    found = values(result)
    assert 0 < i2t < 1
    assert 0 < t2i < 1
    assert found["hit_rate@1(direction=i2t)"] == pytest.approx(i2t)
    assert found["recall@1(direction=t2i)"] == pytest.approx(t2i)


@pytest.mark.slow
def test_a_run_that_was_cut_goes_on(tmp_path: Path) -> None:
    data = write_captions(tmp_path, 8, 2)

    class Model(Late):
        version = "1"
        info: Any = None

    def build() -> Any:
        from mmbench import ModelInfo

        model = Model()
        model.info = ModelInfo(digest="late")
        return model

    whole = evaluate(build(), data, tmp_path / "a", "retrieval", batch_size=3)
    cut = evaluate(build(), data, tmp_path / "b", "retrieval", batch_size=3)
    log = log_of(cut.path)
    kept = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(kept[:9]) + kept[9][:20])
    for file in (log.parent / "scores").iterdir():
        file.unlink()
    again = build()
    resumed = evaluate(again, data, tmp_path / "b", "retrieval", batch_size=3)
    assert again.asked == 24 - 8, "the batch that was cut is asked whole"
    assert values(resumed) == values(whole)
    first, second = (
        [
            np.asarray(embedding_of(line, read_embeddings(log_of(run.path).parent / "embeddings.bin")))
            for line in lines(run.path)
        ]
        for run in (whole, resumed)
    )
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_damage_in_any_of_the_rows_is_found(tmp_path: Path) -> None:
    result = evaluate(Late(), write_captions(tmp_path, 4, 1), tmp_path, "retrieval")
    folder = log_of(result.path).parent
    line = lines(result.path)[2]
    assert line.row is not None
    assert line.rows is not None
    content = bytearray((folder / "embeddings.bin").read_bytes())
    content[64 + (line.row + line.rows - 1) * 6 * 4] ^= 1
    (folder / "embeddings.bin").write_bytes(bytes(content))
    damaged, _ = mend_log(folder)
    assert damaged == 1
    assert line.id not in {each.id for each in lines(result.path)}


@pytest.mark.slow
def test_answers_are_cached_with_all_their_vectors(tmp_path: Path) -> None:
    from mmbench import ModelInfo

    class Model(Late):
        info = ModelInfo(digest="late")

    data = write_captions(tmp_path, 5, 2)
    first = evaluate(Model(), data, tmp_path / "a", "retrieval", cache=str(tmp_path / "cache"))
    model = Model()
    second = evaluate(model, data, tmp_path / "b", "retrieval", cache=str(tmp_path / "cache"))
    assert model.asked == 0
    assert values(second) == values(first)


class Mixed(Late):
    """One vector for the first picture, several for all else."""

    def embed(self, requests: list[Embed]) -> list[Any]:
        found = super().embed(requests)
        return [
            vectors[0]
            if not isinstance(request.part, str) and np.asarray(request.part.load())[0, 0, 0] == 0
            else vectors
            for request, vectors in zip(requests, found, strict=True)
        ]


def test_one_vector_among_several_is_an_error_of_its_own(tmp_path: Path) -> None:
    result = evaluate(Mixed(), write_captions(tmp_path, 6, 1), tmp_path, "retrieval")
    (run,) = result.runs
    values = {value.id: value for value in run.tasks["retrieval/captions"].scores.metrics}
    assert values["hit_rate@1(direction=i2t)"].n == 5
    assert values["recall@1(direction=t2i)"].n == 5


def test_pairs_are_scored_by_late_interaction(tmp_path: Path) -> None:
    class Scenes(Late):
        def embed(self, requests: list[Embed]) -> list[Any]:
            return [np.random.default_rng(len(r.text)).standard_normal((3, 4)) for r in requests]

    import mmbench

    result = mmbench.run(Scenes(), "retrieval/scenes", limit=4, out=tmp_path, progress=False)
    assert result.exit_code == 0
    assert "pair_accuracy(direction=t2i)" in values(result)
