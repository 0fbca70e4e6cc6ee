"""The task `retrieval`: both directions against a plain ranking, ties and chance, failures, and real photographs."""

import json
import math
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mmbench.core import Embed, Media, Response, Sample, ScoreTable, Task, UsageError
from mmbench.core.metric import ONES
from mmbench.data import Captioned, Rows, image_from_array
from mmbench_tasks.retrieval import RetrievalCard, RetrievalTask
from mmbench_tasks.retrieval.family import family
from mmbench_tasks.retrieval.scoring import embed


def task_of(rows: Sequence[Captioned]) -> RetrievalTask:
    card = RetrievalCard(
        name="retrieval/made-up",
        description="for tests",
        licence="CC0-1.0",
        citation="none",
        revision="1",
        source=Rows({"test": rows}),
    )
    return RetrievalTask(card)


def task_with(*captions: int) -> RetrievalTask:
    """Pictures p0, p1, … with so many captions each."""
    rows = [
        Captioned(
            f"p{n}",
            image_from_array(np.full((1, 1, 3), n, np.uint8)),
            tuple(f"caption {i} of p{n}" for i in range(count)),
        )
        for n, count in enumerate(captions)
    ]
    return task_of(rows)


def answered(task: RetrievalTask, vector: Callable[[Sample, int], object]) -> list[list[Response]]:
    return [
        [Response("ok", vector(sample, n)) for n in range(len(task.requests(sample)))]  # type: ignore[arg-type]
        for sample in task.samples()
    ]


def random_responses(task: RetrievalTask, seed: int = 0, dim: int = 6) -> list[list[Response]]:
    rng = np.random.default_rng(seed)
    return answered(task, lambda sample, n: rng.standard_normal(dim).astype(np.float32))


def values(task: RetrievalTask, tables: dict[str, ScoreTable]) -> dict[str, float]:
    """Every metric over the scored rows."""
    found = {}
    for metric in task.metrics:
        table = tables[metric.unit]
        keep = np.array([status == "scored" for status in table.status])
        columns = [np.ones(keep.sum()) if c == ONES else np.asarray(table.columns[c])[keep] for c in metric.columns]
        rows = np.stack(columns, axis=1)
        if metric.formula is not None:
            found[str(metric.id)] = float(metric.formula(rows.sum(axis=0)))
        else:
            assert metric.compute is not None
            found[str(metric.id)] = float(metric.compute(rows, np.ones((1, len(rows))))[0])
    return found


def test_it_is_a_task_and_declares_its_metrics() -> None:
    task = task_with(1)
    assert isinstance(task, Task)
    known = {str(metric.id) for metric in task.metrics}
    assert set(task.info.primary) <= known
    assert "hit_rate@1(direction=i2t)" in task.info.primary
    assert "recall@10(direction=t2i)" in task.info.primary
    assert {metric.unit for metric in task.metrics} == {"query_i2t", "query_t2i"}


def test_a_sample_is_a_picture_with_its_captions() -> None:
    task = task_with(2, 1)
    first, second = task.samples()
    assert isinstance(first.parts[0], Media)
    assert first.parts[1:] == ("caption 0 of p0", "caption 1 of p0")
    assert (first.id, first.cluster, first.references) == ("p0", "p0", ())
    assert [request.part for request in task.requests(first) if isinstance(request, Embed)] == list(first.parts)
    assert len(task.requests(second)) == 2
    assert pickle.loads(pickle.dumps(first)) == first
    with pytest.raises(UsageError, match="no split 'train'"):
        task.samples("train")


def test_the_tables_name_their_rows_and_clusters() -> None:
    task = task_with(2, 1)
    tables = task.score(task.samples(), random_responses(task))
    assert list(tables["query_i2t"].unit_ids) == ["p0", "p1"]
    assert list(tables["query_t2i"].unit_ids) == ["p0/0", "p0/1", "p1/0"]
    assert list(tables["query_i2t"].cluster_ids) == ["p0", "p1"]
    assert list(tables["query_t2i"].cluster_ids) == ["p0", "p0", "p1"]
    for unit, table in tables.items():
        assert table.unit == unit
        assert table.incomplete is None
        assert table.explanations is None


@pytest.mark.parametrize("seed", range(5))
def test_ranks_agree_with_a_plain_sort(seed: int) -> None:
    task = task_with(2, 1, 3, 2, 1, 2)
    responses = random_responses(task, seed)
    tables = task.score(task.samples(), responses)
    images = [np.asarray(row[0].output, float) for row in responses]
    captions = [(n, np.asarray(r.output, float)) for n, row in enumerate(responses) for r in row[1:]]

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / math.sqrt(float(a @ a) * float(b @ b)))

    for n, image in enumerate(images):
        order = sorted(captions, key=lambda caption: -cosine(image, caption[1]))
        assert tables["query_i2t"].columns["rank"][n] == 1 + [owner for owner, _ in order].index(n)
    for n, (owner, caption) in enumerate(captions):
        order = sorted(range(len(images)), key=lambda i: -cosine(images[i], caption))
        assert tables["query_t2i"].columns["rank"][n] == 1 + order.index(owner)
        assert tables["query_t2i"].columns["recall@1"][n] == float(order[0] == owner)


@pytest.mark.parametrize("captions", [(1, 1, 1), (5, 5), (1, 4, 2), (3,) * 30])
def test_a_constant_model_gets_exactly_chance(captions: tuple[int, ...]) -> None:
    task = task_with(*captions)
    tables = task.score(task.samples(), answered(task, lambda sample, n: [0.3, -0.1, 7.0]))
    chance = task.chance(task.samples())
    of_ties = {name: value for name, value in values(task, tables).items() if not name.startswith("median_rank")}
    assert of_ties == pytest.approx({name: chance[name] for name in of_ties}, rel=1e-12)
    assert set(chance) == {str(metric.id) for metric in task.metrics}


def test_the_chance_of_a_median_rank_is_a_median() -> None:
    from mmbench.metrics.retrieval.declarations import median_rank
    from mmbench_tasks.retrieval.scoring import chance_values

    both = [median_rank(direction=direction) for direction in ("i2t", "t2i")]
    found = list(chance_values([[5] * 400], both, (1,)).values())
    generator = np.random.default_rng(0)
    firsts = [np.median([generator.choice(2000, 5, replace=False).min() + 1 for _ in range(400)]) for _ in range(20)]
    assert found == [259.0, 200.5]  # 2,000 (1 - 2 ** -(1 / 5)) = 258.9
    assert abs(np.mean(firsts) - found[0]) < 15


def test_chance_in_closed_form() -> None:
    chance = task_with(2, 2, 2, 2).chance(task_with(2, 2, 2, 2).samples())
    assert chance["recall@1(direction=t2i)"] == pytest.approx(1 / 4)
    assert chance["median_rank(direction=t2i)"] == pytest.approx(5 / 2)
    assert chance["hit_rate@5(direction=i2t)"] == pytest.approx(1 - math.comb(6, 5) / math.comb(8, 5))
    assert chance["median_rank(direction=i2t)"] == pytest.approx(9 / 3)
    assert task_with(1).chance([]) == {}


def test_the_oracle_ranks_every_positive_first() -> None:
    task = task_with(*[5] * 60)
    samples = task.samples()
    responses = [
        [Response("ok", task.solve(sample, request)) for request in task.requests(sample)] for sample in samples
    ]
    got = values(task, task.score(samples, responses))
    for metric, value in got.items():
        if metric.startswith(("hit_rate", "median_rank", "mrr")) or "t2i" in metric:
            assert value == 1.0
    assert got["recall@5(direction=i2t)"] == 1.0


@pytest.mark.slow
@given(hnp.arrays(np.float32, (7, 4), elements=st.floats(-10, 10, width=32)), st.integers(-20, 20))
def test_only_directions_count(vectors: np.ndarray, power: int) -> None:
    vectors[np.abs(vectors).max(axis=1) < 1e-3, 0] = 1
    task = task_with(2, 1, 1)
    rows = iter(vectors)
    plain = answered(task, lambda sample, n: next(rows))
    scaled = [[Response("ok", r.output * np.float32(2.0**power)) for r in row] for row in plain]
    one, two = (task.score(task.samples(), responses) for responses in (plain, scaled))
    for unit, table in one.items():
        for name, column in table.columns.items():
            assert np.array_equal(column, two[unit].columns[name])


@pytest.mark.parametrize("size", [1e-42, 1e-30, 1.0, 1e30, 3e38])
def test_extreme_norms_are_brought_to_one(size: float) -> None:
    vectors, problems = embed([Response("ok", np.full(64, size, np.float32))], 64)
    assert problems == [None]
    assert np.linalg.norm(vectors.astype(float)) == pytest.approx(1, abs=1e-6)


BAD = {
    "zero": (Response("ok", [0.0] * 6), "zero"),
    "nan": (Response("ok", [math.nan] * 6), "NaN or infinite"),
    "infinite": (Response("ok", [math.inf] * 6), "NaN or infinite"),
    "too large for float32": (Response("ok", [1e300] * 6), "NaN or infinite"),
    "another length": (Response("ok", [1.0] * 5), "has 5 numbers, others have 6"),
    "a text": (Response("ok", "123456"), "no embedding"),
    "nothing": (Response("ok"), "no embedding"),
    "an error": (Response("error", error="out of luck"), "out of luck"),
    "a time-out": (Response("timeout"), "status timeout"),
    "a refusal": (Response("refused"), "status refused"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_failed_caption_fails_itself_and_its_picture(kind: str) -> None:
    task = task_with(2, 2, 2)
    responses = random_responses(task)
    responses[1][2], words = BAD[kind]
    tables = task.score(task.samples(), responses)
    i2t, t2i = tables["query_i2t"], tables["query_t2i"]
    assert list(i2t.status) == ["scored", "error", "scored"]
    assert list(t2i.status) == ["scored"] * 3 + ["error"] + ["scored"] * 2
    assert i2t.explanations is not None
    assert i2t.explanations[1] is not None
    assert i2t.explanations[1].startswith("its caption p1/1 has no embedding: ")
    assert words in i2t.explanations[1]
    assert t2i.explanations is not None
    assert words in (t2i.explanations[3] or "")
    assert i2t.incomplete == "1 of 6 captions have no embedding and are missing from the gallery"
    assert t2i.incomplete is None
    for table, row in ((i2t, 1), (t2i, 3)):
        assert all(column[row] == 0 for column in table.columns.values())
    assert all(math.isfinite(value) for value in values(task, tables).values())


def test_a_failed_picture_fails_itself_and_its_captions() -> None:
    task = task_with(2, 1, 2)
    responses = random_responses(task)
    responses[0][0] = Response("error", error="corrupt")
    tables = task.score(task.samples(), responses)
    assert list(tables["query_i2t"].status) == ["error", "scored", "scored"]
    assert list(tables["query_t2i"].status) == ["error", "error", "scored", "scored", "scored"]
    assert tables["query_t2i"].incomplete == "1 of 3 pictures have no embedding and are missing from the gallery"
    assert tables["query_i2t"].incomplete is None
    assert (tables["query_t2i"].explanations or [""])[0] == "its picture p0 has no embedding: corrupt"


def test_what_is_left_is_ranked_as_if_the_failed_item_were_not_there() -> None:
    whole, rest = task_with(2, 1, 2), task_with(2, 1)
    responses = random_responses(whole)
    responses[2] = [Response("error", error="gone")] * 3
    tables = whole.score(whole.samples(), responses)
    expected = rest.score(rest.samples(), responses[:2])
    for unit, n in (("query_i2t", 2), ("query_t2i", 3)):
        for name, column in expected[unit].columns.items():
            assert np.array_equal(tables[unit].columns[name][:n], column)


def test_when_all_fail_there_are_tables_all_the_same() -> None:
    task = task_with(1, 2)
    tables = task.score(task.samples(), answered(task, lambda sample, n: "no vector"))
    assert set(tables["query_t2i"].status) == {"error"}
    assert "3 of 3 captions" in (tables["query_i2t"].incomplete or "")
    for metric in task.metrics:
        assert set(metric.columns) - {ONES} <= set(tables[metric.unit].columns)


def test_responses_must_fit_the_requests() -> None:
    task = task_with(1)
    with pytest.raises(ValueError, match="1 responses for 2 requests"):
        task.score(task.samples(), [[Response("ok", [1.0])]])


def test_order_of_samples_changes_no_value() -> None:
    task = task_with(2, 1, 3, 2)
    samples, responses = task.samples(), random_responses(task)
    forth = values(task, task.score(samples, responses))
    assert forth == pytest.approx(values(task, task.score(samples[::-1], responses[::-1])), rel=1e-12)


def own_file(folder: Path, caption: str = "a red square") -> Path:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (4, 4), "red" if name == "a.png" else "blue").save(folder / name)
    rows = [{"image": "a.png", "captions": [caption, "red"]}, {"image": "b.png", "caption": "blue"}]
    path = folder / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_own_data(tmp_path: Path) -> None:
    task = family.from_data("mine", own_file(tmp_path))
    assert (family.name, family.default) == ("retrieval", "retrieval/scenes")
    assert (task.info.name, task.info.dataset.licence) == ("retrieval/mine", "unknown")
    assert [sample.id for sample in task.samples()] == ["a.png", "b.png"]
    before = task.fingerprint()
    assert family.from_data("mine", own_file(tmp_path)).fingerprint() == before
    assert family.from_data("mine", own_file(tmp_path, "other")).fingerprint() != before


def test_real_photographs_end_to_end(shared_data: Path) -> None:
    """A toy model, mean colour against words of colour, beats nothing but must give the ranks of a plain product."""
    task = family.from_data("coco-mini", shared_data / "coco-mini" / "captions_mini.json")
    samples = task.samples()
    assert len(samples) == 179
    assert sum(len(task.requests(sample)) for sample in samples) == 179 * 6
    pixels = [np.asarray(sample.parts[0].load(), np.float32).mean(axis=(0, 1)) for sample in samples[:20]]
    assert all(vector.shape == (3,) and vector.max() <= 255 for vector in pixels)
    rng = np.random.default_rng(0)
    table = {part: rng.standard_normal(32).astype(np.float32) for s in samples for part in s.parts[1:]}
    responses = [
        [
            Response("ok", np.mean([table[caption] for caption in sample.parts[1:]], axis=0)),
            *[Response("ok", table[caption]) for caption in sample.parts[1:]],
        ]
        for sample in samples
    ]
    got = values(task, task.score(samples, responses))
    images = np.stack([row[0].output for row in responses]).astype(float)
    captions = np.stack([r.output for row in responses for r in row[1:]]).astype(float)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    captions /= np.linalg.norm(captions, axis=1, keepdims=True)
    scores = captions @ images.T
    owners = np.repeat(np.arange(179), 5)
    ranks = 1 + (scores > scores[np.arange(895), owners][:, None]).sum(axis=1)
    for k in (1, 5, 10):
        assert got[f"recall@{k}(direction=t2i)"] == pytest.approx((ranks <= k).mean())
        best = np.sort(np.argsort(np.argsort(-scores.T, axis=1), axis=1).reshape(179, 179, 5)[range(179), range(179)])
        assert got[f"hit_rate@{k}(direction=i2t)"] == pytest.approx((best[:, 0] < k).mean())
    assert got["median_rank(direction=t2i)"] == np.median(ranks)
    chance = task.chance(samples)
    assert chance["recall@10(direction=t2i)"] == pytest.approx(10 / 179)
    assert chance["hit_rate@1(direction=i2t)"] == pytest.approx(1 / 179)
