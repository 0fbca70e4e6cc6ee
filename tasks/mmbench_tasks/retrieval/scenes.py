"""Captions and pictures of scenes, in pools of 300 with close neighbours and swapped colours; generated, no download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from mmbench.core import Metric, Output, Request, Response, Sample, ScoreTable
from mmbench.data import Captioned
from mmbench_tasks.retrieval.card import RetrievalCard
from mmbench_tasks.retrieval.task import KS, RetrievalTask
from mmbench_tasks.scenes.families import families
from mmbench_tasks.scenes.scene import checked_size, scene_media
from mmbench_tasks.scenes.tasks import FACTS, Scenes, SceneTask

PAIR_ACCURACY = "pair_accuracy(direction=t2i)"


class SceneRetrievalTask(SceneTask, RetrievalTask):
    """Retrieval within pools of 300 pictures and captions, and pair accuracy between partners.

    Every query ranks the items of its own pool. Errors cluster by family: two pairs whose pictures are each other's
    nearest neighbours.
    """

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``size`` alone: pools are ranked by themselves, and ties are shared."""
        return {"size": checked_size}

    @property
    def primary(self) -> tuple[str, ...]:
        """Those of retrieval, and pair accuracy."""
        return (*super().primary, PAIR_ACCURACY)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those of retrieval in both directions, and pair accuracy."""
        from mmbench.metrics import pair_metric

        return [*super().metrics, pair_metric(direction="t2i")]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """Three tables: ``query_i2t`` and ``query_t2i`` as in `RetrievalTask`, pool by pool, and ``pair_t2i``."""
        from mmbench.metrics import merge_tables
        from mmbench_tasks.retrieval.pairs import UNIT, pair_table

        score = super().score
        pools = _places(samples, "pool").values()
        parts = [score([samples[n] for n in places], [responses[n] for n in places]) for places in pools]
        tables = {unit: merge_tables([part[unit] for part in parts]) for unit in ("query_i2t", "query_t2i")}
        return {**tables, UNIT: pair_table(samples, responses, _places(samples, "pair"))}

    def solve(self, sample: Sample, request: Request) -> Output:
        """A unit vector, float32 [128], pseudo-random by the caption, which another pool may share."""
        return super().solve(replace(sample, id=str(sample.parts[1])), request)

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """What a model gets that embeds everything alike, ties in random order: metric id to expected value."""
        from mmbench_tasks.retrieval.pairs import CHANCE
        from mmbench_tasks.retrieval.scoring import chance_values

        if not samples:
            return {}
        pools = [[1] * len(places) for places in _places(samples, "pool").values()]
        values = chance_values(pools, super().metrics, KS)
        paired = any(len(places) == 2 for places in _places(samples, "pair").values())
        return {**values, PAIR_ACCURACY: CHANCE} if paired else values


def _places(samples: Sequence[Sample], key: str) -> dict[str, list[int]]:
    """Pool or pair → the places of its samples."""
    found: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        found.setdefault(sample.meta[key], []).append(place)
    return found


@lru_cache(maxsize=16)
def _slices(objects: int, differs: str) -> dict[str, str]:
    return {"objects": str(objects), "neighbour": differs}


@lru_cache(maxsize=4)
def scene_captions(split: str, size: int) -> tuple[Captioned, ...]:
    """The captioned images of ``test``, ``train`` or ``val``, pool by pool, families together.

    ``test-02-41-1b`` is the second image of pair 1 in family 41 of pool 2; ``test-02-41-1a`` is its partner.
    """
    return tuple(
        Captioned(
            sample_id,
            scene_media(scene, size),
            (caption,),
            family.id,
            _slices(family.objects, family.differs),
            {"pool": family.pool, "pair": sample_id[:-1]},
        )
        for family in families(split)
        for pair in family.pairs
        for sample_id, scene, caption in zip(pair.sample_ids, pair.scenes, pair.captions, strict=True)
    )


CARD = RetrievalCard(
    name="retrieval/scenes",
    description="1,200 pictures and captions in 4 pools of 300, each with a partner whose caption has the same words",
    source=Scenes(scene_captions),
    **FACTS,
)
task = SceneRetrievalTask(CARD)
