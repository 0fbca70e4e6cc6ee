"""Faces, and sentences that say whose mood is the speaker's, in Latin-square blocks; generated, no download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Self

from mmbench.core import Metric, Response, Sample, ScoreTable
from mmbench_tasks.scenes.scene import SIZE, scene_media
from mmbench_tasks.scenes.scoring import UNIT, block_accuracy, block_table
from mmbench_tasks.scenes.tasks import FACTS, Scenes, SceneTask
from mmbench_tasks.sentiment.card import SentimentCard, Utterance
from mmbench_tasks.sentiment.task import SentimentTask


class SceneSentimentTask(SceneTask, SentimentTask):
    """The mood of one of three faces. Beside accuracy and F1 it counts the blocks on which every answer is right.

    Errors cluster by block. Models that look at the picture or the sentence alone, or add up what each says by itself,
    have a block accuracy of 0; see `mmbench_tasks.scenes.faces`.
    """

    def with_options(self, **options: Any) -> Self:
        """As in `SentimentTask`; the default size is not stated."""
        task = super().with_options(**options)
        return type(self)(
            self.card, {name: value for name, value in task.options.items() if (name, value) != ("size", SIZE)}
        )

    @property
    def primary(self) -> tuple[str, ...]:
        """Those of the family; for classes block accuracy, too."""
        return (*super().primary, *(["block_accuracy"] if self.target == "class" else []))

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those of the family, and for classes block accuracy."""
        return [*super().metrics, *([block_accuracy()] if self.target == "class" else [])]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """Those of the family, and for classes ``block``, a row for each block."""
        tables = super().score(samples, responses)
        if self.target == "class":
            by_block = replace(tables["sample"], slices={"degree": tables["sample"].slices.get("degree", [])})
            tables[UNIT] = block_table(samples, by_block)
        return tables


@lru_cache(maxsize=4)
def scene_moods(split: str, size: int) -> tuple[Utterance, ...]:
    """The utterances of ``test``, ``train`` or ``val``: block by block, image by image.

    ``test-0017-1-2`` is what sentence 2 says beside image 1 of block 17.
    """
    from mmbench_tasks.scenes.faces import MOODS, SIGNS, mood_blocks

    slices = {
        (degree, mood): {"degree": name, "polarity": mood}
        for degree, name in ((1, "weak"), (2, "plain"), (3, "strong"))
        for mood in MOODS
    }
    return tuple(
        Utterance(
            id=block.sample_id(picture, number),
            text=sentence,
            label=(mood := block.moods[picture][number]),
            score=float(SIGNS[mood] * block.degree),
            image=media,
            group=block.id,
            slices=slices[block.degree, mood],
        )
        for block in mood_blocks(split)
        for picture, media in enumerate([scene_media(scene, size) for scene in block.scenes])
        for number, sentence in enumerate(block.sentences)
    )


CARD = SentimentCard(
    name="sentiment/scenes",
    description="3,600 pairs of faces and a sentence that says whose mood counts, in 400 Latin-square blocks",
    source=Scenes(scene_moods),
    levels=("-3", "-2", "-1", "0", "1", "2", "3"),
    **FACTS,
)
task = SceneSentimentTask(CARD)
