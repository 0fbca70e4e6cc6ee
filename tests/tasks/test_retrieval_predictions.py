"""Embeddings from an archive: what is read, what is refused, and the values, under each protocol and rule for ties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmbench
from mmbench.core import DataError, ReadsPredictions, Response, UnknownNameError, UsageError
from mmbench_tasks.retrieval.family import family
from mmbench_tasks.retrieval.scenes import task as scenes


def arrays(images=4, captions=3, dim=8, seed=0):
    generator = np.random.default_rng(seed)
    owners = generator.permutation(np.repeat(np.arange(images), captions))
    return {
        "image_emb": generator.standard_normal((images, dim)).astype(np.float32),
        "text_emb": generator.standard_normal((len(owners), dim)).astype(np.float32),
        "text_image_index": owners,
    }


def archive(folder: Path, **given) -> Path:
    path = folder / "mine.npz"
    np.savez(path, **given)
    return path


def values(path, **options):
    return {metric.id: metric for metric in mmbench.score("retrieval", path, options=options).metrics}


def test_a_sample_is_a_picture_and_its_texts_in_their_order(tmp_path) -> None:
    given = arrays()
    assert isinstance(family, ReadsPredictions)
    found = family.open_predictions(archive(tmp_path, **given), None, None)
    samples = found.task.samples()
    assert (found.task.info.name, [sample.id for sample in samples]) == ("retrieval/mine", ["0", "1", "2", "3"])
    assert set(found.outputs) == {"0", "1", "2", "3"}
    for sample in samples:
        rows = np.flatnonzero(given["text_image_index"] == int(sample.id))
        assert len(found.task.requests(sample)) == 1 + len(rows)
        np.testing.assert_array_equal(found.outputs[sample.id][0], given["image_emb"][int(sample.id)])
        np.testing.assert_array_equal(found.outputs[sample.id][1:], given["text_emb"][rows])
    moved = {**given, "text_image_index": given["text_image_index"][::-1]}
    other = family.open_predictions(archive(tmp_path, **moved), None, None)
    assert other.task.fingerprint() != found.task.fingerprint()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("index", [np.int32, np.uint16, np.int64])
def test_values_are_those_of_a_plain_sort(tmp_path, dtype, index) -> None:
    given = arrays(40, 3)
    given = {"image_emb": given["image_emb"].astype(dtype), "text_emb": given["text_emb"].astype(dtype)} | {
        "text_image_index": given["text_image_index"].astype(index)
    }
    images, texts, owners = (given[name].astype(float) for name in ("image_emb", "text_emb", "text_image_index"))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    found = values(archive(tmp_path, **given))
    scores = images @ texts.T
    t2i = [(scores[:, n] > scores[int(owner), n]).sum() + 1 for n, owner in enumerate(owners)]
    assert found["recall@5(direction=t2i)"].value == pytest.approx(np.mean(np.array(t2i) <= 5))
    assert found["mean_rank(direction=t2i)"].value == pytest.approx(np.mean(t2i))
    assert found["median_rank(direction=t2i)"].value == np.median(t2i)
    within = [np.isin(np.argsort(-row)[:5], np.flatnonzero(owners == n)).sum() for n, row in enumerate(scores)]
    assert found["hit_rate@5(direction=i2t)"].value == pytest.approx(np.mean(np.array(within) > 0))
    assert found["recall@5(direction=i2t)"].value == pytest.approx(np.mean(np.array(within) / 3))


REFUSED = {
    "no texts": (lambda a: a.pop("text_emb"), "lacks text_emb; it holds image_emb, text_image_index"),
    "flat": (lambda a: a.update(image_emb=a["image_emb"].ravel()), r"image_emb is float32 \[32\]"),
    "whole numbers": (lambda a: a.update(text_emb=a["text_emb"].astype(int)), "text_emb is int64"),
    "objects": (lambda a: a.update(text_emb=np.array([None, {}])), "cannot be read"),
    "empty": (lambda a: a.update(image_emb=a["image_emb"][:0]), r"image_emb is float32 \[0, 8\]"),
    "lengths": (lambda a: a.update(image_emb=a["image_emb"][:, :5]), "image_emb has 5 numbers a row, text_emb has 8"),
    "nan": (lambda a: a["image_emb"].__setitem__((2, 1), np.nan), "image_emb holds NaN, .* in row 2$"),
    "infinite": (lambda a: a["text_emb"].__setitem__(slice(None), np.inf), "in rows 0, 1, .*, 9 and 2 more"),
    "too large": (lambda a: a.update(text_emb=a["text_emb"].astype(float) * 1e300), "float32 cannot hold"),
    "floats as index": (
        lambda a: a.update(text_image_index=a["text_image_index"] * 1.0),
        "text_image_index is float64",
    ),
    "short index": (lambda a: a.update(text_image_index=a["text_image_index"][1:]), "each of the 12 rows of text_emb"),
    "index too large": (lambda a: a["text_image_index"].__setitem__(3, 4), "outside the 4 rows of image_emb in row 3"),
    "index below 0": (lambda a: a["text_image_index"].__setitem__([0, 1], -1), "in rows 0, 1$"),
    "picture without text": (
        lambda a: a["text_image_index"].__setitem__(a["text_image_index"] == 1, 0),
        "no text belongs to row 1 of image_emb",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(tmp_path, case) -> None:
    given = arrays()
    change, message = REFUSED[case]
    change(given)
    with pytest.raises(DataError, match=message):
        family.open_predictions(archive(tmp_path, **given), None, None)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no archive", b"\x93NUMPY no", b"{}"])
def test_files_that_are_no_archive_are_refused(tmp_path, content) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as an \.npz archive"):
        family.open_predictions(path, None, None)


def test_one_array_and_a_damaged_archive_are_refused(tmp_path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((2, 2)))
    with pytest.raises(UsageError, match="--references"):
        family.open_predictions(tmp_path / "one.npy", None, None)
    path = archive(tmp_path, **arrays())
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        family.open_predictions(path, None, None)


def test_references_are_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="need no references"):
        family.open_predictions(archive(tmp_path, **arrays()), tmp_path / "captions.json", None)


def test_a_registered_task_takes_an_archive_of_its_pictures_in_their_order(tmp_path) -> None:
    samples = scenes.samples()
    rows = [[scenes.solve(sample, request) for request in scenes.requests(sample)] for sample in samples]
    given = {
        "image_emb": np.array([row[0] for row in rows]),
        "text_emb": np.array([row[1] for row in rows]),
        "text_image_index": np.arange(len(rows)),
    }
    path = archive(tmp_path, **given)
    found = family.open_predictions(path, None, scenes)
    assert found.task is scenes
    assert list(found.outputs) == [sample.id for sample in samples]
    with pytest.raises(DataError, match="has 4 pictures; retrieval/scenes has 1,200"):
        family.open_predictions(archive(tmp_path, **arrays()), None, scenes)
    given["text_image_index"][:2] = [1, 0]
    given |= {
        "text_emb": np.append(given["text_emb"], given["text_emb"][:1], axis=0),
        "text_image_index": np.append(given["text_image_index"], 7),
    }
    with pytest.raises(DataError, match="has 2 texts for the picture of sample"):
        family.open_predictions(archive(tmp_path, **given), None, scenes)


def test_unit_vectors_in_half_precision_are_taken_as_they_are(tmp_path) -> None:
    given = arrays(60, 2)
    for name in ("image_emb", "text_emb"):
        given[name] /= np.linalg.norm(given[name], axis=1, keepdims=True)
        given[name] = given[name].astype(np.float16)
    exact = given["image_emb"].astype(float) @ given["text_emb"].astype(float).T
    own = exact[given["text_image_index"], np.arange(120)]
    found = values(archive(tmp_path, **given))
    assert found["mean_rank(direction=t2i)"].value == pytest.approx(1 + (exact > own).sum(axis=0).mean(), abs=1e-9)
    task = family.open_predictions(archive(tmp_path, **given), None, None).task
    assert not task.card.normalise
    assert not task.with_options(ties="optimistic").card.normalise
    given["image_emb"][0] *= np.float16(1.01)
    assert family.open_predictions(archive(tmp_path, **given), None, None).task.card.normalise


def test_a_vector_without_a_direction_fails_its_queries(tmp_path) -> None:
    given = arrays(6, 2)
    given["text_emb"][0] = 0
    result = mmbench.score("retrieval", archive(tmp_path, **given))
    found = {metric.id: metric for metric in result.metrics}
    assert result.exit_code == 4
    assert found["mrr(direction=t2i)"].n_failed == 1
    assert found["mrr(direction=i2t)"].n_failed == 1


@pytest.mark.parametrize("ties", ["expected", "optimistic", "pessimistic"])
def test_a_rule_for_ties_stands_in_the_ids(tmp_path, ties) -> None:
    given = arrays(5, 1)
    given["image_emb"][:] = given["text_emb"][:] = 1
    found = values(archive(tmp_path, **given), ties=ties)
    suffix = "" if ties == "expected" else f",ties={ties}"
    value = {"expected": 0.2, "optimistic": 1.0, "pessimistic": 0.0}[ties]
    assert found[f"recall@1(direction=t2i{suffix})"].value == pytest.approx(value)
    task = family.open_predictions(archive(tmp_path, **given), None, None).task.with_options(ties=ties)
    assert set(task.info.primary) <= set(found)
    assert task.info.options == {"ties": ties}
    # Guessing has no ties: its value does not depend on the rule.
    assert task.chance(task.samples())[f"recall@1(direction=t2i{suffix})"] == pytest.approx(0.2)


def test_options_that_do_not_exist_are_refused(tmp_path) -> None:
    task = family.open_predictions(archive(tmp_path, **arrays()), None, None).task
    with pytest.raises(UnknownNameError, match=r"Did you mean 'protocol'\? There are: ties, protocol\."):
        task.with_options(protocoll="1k")
    with pytest.raises(UsageError, match=r"unknown ties 'lucky'\. There are: expected, optimistic, pessimistic"):
        task.with_options(ties="lucky")
    with pytest.raises(UsageError, match=r"unknown protocol '5k'\. .*There are: all, 1k"):
        task.with_options(protocol="5k")


@pytest.mark.slow
def test_1k_is_the_mean_over_five_folds_ranked_alone(tmp_path) -> None:
    given = arrays(5000, 1, dim=4)
    order = np.argsort(given["text_image_index"])
    found = values(archive(tmp_path, **given), protocol="1k")
    folds = []
    for start in range(0, 5000, 1000):
        part = order[start : start + 1000]
        alone = {
            "image_emb": given["image_emb"][start : start + 1000],
            "text_emb": given["text_emb"][part],
            "text_image_index": np.arange(1000),
        }
        folds.append(values(archive(tmp_path, **alone)))
    for name, value in folds[0].items():
        folded = found[name.replace(")", ",protocol=1k-5fold)")]
        assert folded.value == pytest.approx(np.mean([fold[name].value for fold in folds]), rel=1e-12)
        assert folded.n == 5 * value.n


@pytest.mark.slow
def test_chance_under_1k_is_that_of_a_thousand(tmp_path) -> None:
    task = family.open_predictions(archive(tmp_path, **arrays(5000, 1, dim=1)), None, None).task
    folded = task.with_options(protocol="1k")
    samples = folded.samples()
    assert [samples[n].meta["fold"] for n in (0, 999, 1000, 4999)] == [0, 0, 1, 4]
    chance = folded.chance(samples)
    assert chance["recall@10(direction=t2i,protocol=1k-5fold)"] == pytest.approx(10 / 1000)
    assert chance["median_rank(direction=i2t,protocol=1k-5fold)"] == pytest.approx(1001 / 2)
    constant = [[Response("ok", [1.0, 2.0])] * 2] * 5000
    tables = folded.score(samples, constant)
    from mmbench.metrics.evaluate import evaluate

    for metric in folded.metrics:
        assert evaluate(metric, tables[metric.unit]).value == pytest.approx(chance[str(metric.id)])
    few = folded.score(samples[:1100], constant[:1100])  # what a limit leaves
    assert evaluate(folded.metrics[0], few["query_i2t"]).n == 1100


def test_1k_refuses_other_numbers_of_pictures(tmp_path) -> None:
    with pytest.raises(DataError, match=r"retrieval/mine: the protocol 1k .* needs 5,000 images, not 4"):
        values(archive(tmp_path, **arrays()), protocol="1k")


@pytest.mark.slow
@pytest.mark.shared_data
def test_known_recalls_of_the_coco_5k_split(shared_data) -> None:
    found = values(shared_data / "retrieval_synth_coco5k.npz")
    got = [round(found[f"hit_rate@{k}(direction=i2t)"].value, 4) for k in (1, 5, 10)]
    assert got == [0.9696, 0.9974, 0.9994]
    assert [round(found[f"recall@{k}(direction=t2i)"].value, 4) for k in (1, 5, 10)] == [0.7730, 0.9138, 0.9462]
