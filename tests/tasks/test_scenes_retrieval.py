"""`retrieval/scenes`: every caption is true of one picture in its pool, and its partner says the same words."""

import pickle
import re
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from pinned_scenes import FINGERPRINTS

import mmbench
from mmbench.core import Media, Response, Task, UsageError, rows_digest
from mmbench.metrics.evaluate import evaluate
from mmbench.testing import check_task
from mmbench_tasks.retrieval.scenes import CARD, task
from mmbench_tasks.scenes.families import POOL_SIZE, POOLS, families
from mmbench_tasks.scenes.scene import COLOURS, SHAPES

pytestmark = pytest.mark.slow

SAMPLES = task.samples()
SPLITS = ("train", "val", "test")
PRIMARY = task.info.primary


def values(tables):
    return {str(metric.id): evaluate(metric, tables[metric.unit]).value for metric in task.metrics}


def embedded(function, samples=SAMPLES):
    """Scores where the function makes vectors of (sample, part)."""
    return task.score(samples, [[Response("ok", function(s, part)) for part in s.parts] for s in samples])


def words(caption):
    return re.findall(r"\w+", caption)


def pools(samples=SAMPLES):
    found = defaultdict(list)
    for sample in samples:
        found[sample.meta["pool"]].append(sample)
    return found


# --- what a caption says, read without the generator ---

NAMED = re.compile(rf"(small|large) ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})")
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "higher": (0, -1), "below": (0, 1), "lower": (0, 1)}


def read(caption):
    """The named things, and (direction, which thing, from which): the relation stands between its two things."""
    named = list(NAMED.finditer(caption))
    ((one, two, between),) = [
        (one.group(), two.group(), match)
        for one, two in pairwise(named)
        if (match := re.search("|".join(DIRECTIONS), caption[one.end() : two.start()]))
    ]
    return frozenset(match.group() for match in named), DIRECTIONS[between.group()], one, two


def look(scene):
    things = {f"{'small' if f.radius < 33 else 'large'} {f.colour} {f.shape}": (f.x, f.y) for f in scene.figures}
    assert len(things) == len(scene.figures)
    return things


def is_true(told, things):
    named, (right, down), one, two = told
    if not named <= things.keys():
        return False
    across, along = things[two][0] - things[one][0], things[two][1] - things[one][1]
    # "a left of b": b lies to the right of a, and more so than above or below it.
    lead, aside = (-right * across, abs(along)) if right else (-down * along, abs(across))
    return lead > aside


def test_every_caption_is_true_of_its_own_picture_and_of_no_other_in_the_pool():
    for members in pools().values():
        assert len(members) == POOL_SIZE
        told = [read(sample.parts[1]) for sample in members]
        shown = [look(sample.parts[0].source.scene) for sample in members]
        for n, caption in enumerate(told):
            assert [m for m, things in enumerate(shown) if is_true(caption, things)] == [n]


def test_whoever_reads_and_looks_finds_everything():
    """Pictures as vectors of what is true of them, captions as unit vectors: ranks by symbols alone."""
    table = {}
    for members in pools().values():
        told = [read(sample.parts[1]) for sample in members]
        for n, sample in enumerate(members):
            things = look(sample.parts[0].source.scene)
            table[sample.parts[0]] = np.array([is_true(caption, things) for caption in told], dtype=np.float32)
            table[sample.id] = np.eye(POOL_SIZE, dtype=np.float32)[n]
    got = values(embedded(lambda sample, part: table[part if isinstance(part, Media) else sample.id]))
    assert all(got[name] == 1 for name in PRIMARY)


def test_sizes_and_relations_are_clear_to_the_eye():
    for sample in SAMPLES:
        scene = sample.parts[0].source.scene
        assert all(28 <= figure.radius <= 32 or 40 <= figure.radius <= 44 for figure in scene.figures)
        _, (right, _), one, two = read(sample.parts[1])
        things = look(scene)
        across, along = abs(things[one][0] - things[two][0]), abs(things[one][1] - things[two][1])
        assert (across - along if right else along - across) >= 28  # 7 pixels of 64


def test_partners_have_the_same_words_and_swapped_colours():
    pairs = defaultdict(list)
    for sample in SAMPLES:
        pairs[sample.meta["pair"]].append(sample)
    assert len(pairs) == 600
    for one, two in pairs.values():
        assert one.group == two.group
        assert Counter(words(one.parts[1])) == Counter(words(two.parts[1]))
        differ = [(a, b) for a, b in zip(words(one.parts[1]), words(two.parts[1]), strict=True) if a != b]
        assert len(differ) == 2
        assert differ[0] == differ[1][::-1]
        assert set(differ[0]) <= COLOURS.keys()


def test_pairs_of_a_family_differ_in_the_one_thing_that_the_slice_names():
    for made in families("test"):
        one, two = (read(pair.captions[0]) for pair in made.pairs)
        if made.differs == "position":
            assert one[0] == two[0]
            assert [-n for n in one[1]] == list(two[1])
            assert one[2:] == two[2:]
        else:
            assert one[1] == two[1]
            (mine,), (other,) = one[0] - two[0], two[0] - one[0]
            assert mine.split()[1:] == other.split()[1:]
            assert {mine.split()[0], other.split()[0]} == {"small", "large"}


def test_captions_are_worded_in_several_ways():
    masked = Counter(re.sub(NAMED, "_", sample.parts[1]) for sample in SAMPLES)
    assert len(masked) > 50
    assert max(masked.values()) < 0.1 * len(SAMPLES)


# --- sizes and access ---


def test_sizes_groups_and_slices():
    assert isinstance(task, Task)
    assert {split: len(task.samples(split)) for split in SPLITS} == {"train": 12000, "val": 600, "test": 1200}
    assert set(Counter(s.group for s in SAMPLES).values()) == {4}
    assert Counter(s.slices["objects"] for s in SAMPLES) == {"3": 600, "4": 600}
    assert Counter(s.slices["neighbour"] for s in SAMPLES) == {"size": 608, "position": 592}
    for sample in SAMPLES:
        assert len(sample.parts[0].source.scene.figures) == int(sample.slices["objects"])
        assert sample.id.startswith(sample.group)
        assert sample.group.startswith(sample.meta["pool"])
    with pytest.raises(UsageError, match="no split 'dev'"):
        task.samples("dev")


def test_splits_share_no_picture_and_no_group():
    seen = [{(s.parts[0].digest, s.group) for s in task.samples(split)} for split in SPLITS]
    assert sum(map(len, seen)) == 13800
    for part in (0, 1):
        sets = [{pair[part] for pair in one} for one in seen]
        assert len(set.union(*sets)) == sum(map(len, sets))


@pytest.mark.parametrize("split", SPLITS)
def test_captions_are_those_of_this_version(split):
    assert rows_digest(CARD.source.rows(split)) == FINGERPRINTS["retrieval/scenes"][split]
    assert set(POOLS) == set(SPLITS)
    with pytest.raises(UsageError, match="no split 'dev'"):
        next(families("dev"))


# --- who gets what ---


def test_its_own_answers_rank_everything_first():
    got = values(embedded(lambda sample, part: task.solve(sample, None)))
    assert all(got[name] == 1 for name in PRIMARY)


def test_whoever_does_not_look_gets_exactly_chance():
    chance = task.chance(SAMPLES)
    assert values(embedded(lambda sample, part: [1.0, 2.0])) == pytest.approx(chance, rel=1e-12)
    assert chance["recall@10(direction=t2i)"] == pytest.approx(10 / 300)
    assert chance["median_rank(direction=i2t)"] == 150.5
    assert chance["pair_accuracy(direction=t2i)"] == 0.25
    rng = np.random.default_rng(0)
    constant = rng.standard_normal(16)
    by_caption = embedded(lambda s, part: constant if isinstance(part, Media) else rng.standard_normal(16))
    got = values(by_caption)
    assert got["recall@1(direction=t2i)"] == pytest.approx(chance["recall@1(direction=t2i)"], rel=1e-12)
    assert got["pair_accuracy(direction=t2i)"] == 0.25


def test_a_bag_of_words_is_right_on_no_pair():
    rng = np.random.default_rng(1)
    known = defaultdict(lambda: rng.standard_normal(32))

    def embed(sample, part):
        if isinstance(
            part, Media
        ):  # the sum of what the picture shows, with the caption's own words: as good as it gets
            return sum(known[word] for word in sorted(words(sample.parts[1]))) + 0.01 * rng.standard_normal(32)
        return sum(known[word] for word in sorted(words(part)))

    got = values(embedded(embed))
    assert got["pair_accuracy(direction=t2i)"] == 0
    assert got["recall@1(direction=t2i)"] <= 0.5
    assert got["hit_rate@1(direction=i2t)"] <= 0.5


def test_ranks_are_taken_within_the_pool():
    rng = np.random.default_rng(2)
    table = {part: rng.standard_normal(24) for sample in SAMPLES for part in sample.parts}
    tables = embedded(lambda sample, part: table[part])
    ranks = dict(zip(tables["query_t2i"].unit_ids, tables["query_t2i"].columns["rank"], strict=True))
    paired = dict(zip(tables["pair_t2i"].unit_ids, tables["pair_t2i"].columns["pair"], strict=True))
    for members in pools().values():
        pictures, captions = (np.stack([table[s.parts[n]] for s in members]) for n in (0, 1))
        pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
        scores = captions @ pictures.T
        own = np.diag(scores)
        assert [ranks[f"{s.id}/0"] for s in members] == list(1 + (scores > own[:, None]).sum(axis=1))
        for n in range(0, POOL_SIZE, 2):
            right = own[n] > scores[n, n + 1] and own[n + 1] > scores[n + 1, n]
            assert paired[members[n].meta["pair"]] == right


def test_rows_have_clusters_and_slices():
    tables = embedded(lambda sample, part: task.solve(sample, None))
    assert {unit: len(table.unit_ids) for unit, table in tables.items()} == {
        "query_i2t": 1200,
        "query_t2i": 1200,
        "pair_t2i": 600,
    }
    for table in tables.values():
        assert len(set(table.cluster_ids)) == 300
        assert set(table.slices) == {"neighbour", "objects"}
        assert all(u.startswith(c) for u, c in zip(table.unit_ids, table.cluster_ids, strict=True))


def test_failed_and_missing_items():
    some = SAMPLES[:8]
    responses = [[Response("ok", task.solve(s, None))] * 2 for s in some]
    responses[1] = [responses[1][0], Response("error", error="gone")]
    tables = task.score(some, responses)
    assert list(tables["pair_t2i"].status) == ["error", "scored", "scored", "scored"]
    assert tables["pair_t2i"].explanations == ["gone", None, None, None]
    assert list(tables["pair_t2i"].columns["pair"]) == [0, 1, 1, 1]
    assert tables["query_i2t"].incomplete
    assert list(task.score(some[:3], responses[:3])["pair_t2i"].status) == ["error", "skipped"]
    assert "pair_accuracy(direction=t2i)" not in task.chance(some[:1])
    failed = task.score(some, [[Response("error", error="all gone")] * 2] * 8)
    assert set(failed["pair_t2i"].status) == {"error"}


def test_the_chance_of_a_part_is_that_of_its_pools():
    part = [*SAMPLES[:4], *SAMPLES[300:312]]
    constant = values(embedded(lambda sample, part: [1.0], part))
    chance = task.chance(part)
    medians = {name for name in chance if name.startswith("median_rank")}
    assert {chance[name] for name in medians} == {4.5}, "half of the ranks in pools of 4 and 12 are at most 4"
    assert {constant[name] for name in medians} == {6.5}, "ties get the mean rank of their pool"
    rest = constant.keys() - medians
    assert {name: constant[name] for name in rest} == pytest.approx({name: chance[name] for name in rest}, rel=1e-12)
    assert constant["recall@1(direction=t2i)"] == pytest.approx((4 * 1 / 4 + 12 * 1 / 12) / 16)
    assert task.chance([]) == {}


# --- options and the run ---


def test_pictures_come_in_other_sizes():
    large = task.with_options(size=128)
    assert large.samples()[0].parts[0].load().size == (128, 128)
    assert large.info.options == {"size": 128}
    assert large.fingerprint() != task.fingerprint()
    with pytest.raises(UsageError, match="from 16 to 1024"):
        task.with_options(size=5000)
    with pytest.raises(UsageError, match=r"option of retrieval/scenes.*size"):
        task.with_options(sise=64)


def test_it_pickles_and_passes_the_kit():
    assert pickle.loads(pickle.dumps(task)).fingerprint() == task.fingerprint()
    check_task(task, fresh_process=False).raise_if_failed()


def test_controls_in_a_run(tmp_path):
    result = mmbench.run(
        ["oracle", "random"], "mmbench_tasks.retrieval.scenes:task", out=tmp_path, progress=False, perf="off"
    )
    assert result.exit_code == 0
    for row in result.rows():
        metric, chance = row.metric, task.chance(SAMPLES)[row.metric.id]
        if row.model == "oracle":
            assert metric.value == 1
        elif metric.id in ("pair_accuracy(direction=t2i)", "recall@10(direction=t2i)"):
            assert metric.low <= chance <= metric.high
