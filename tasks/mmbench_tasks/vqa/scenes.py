"""Questions about scenes in Latin-square blocks, which need picture and question together; generated, no download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mmbench.core import Metric, Response, Sample, ScoreTable
from mmbench.data import Question
from mmbench_tasks.scenes.blocks import blocks
from mmbench_tasks.scenes.scene import scene_media
from mmbench_tasks.scenes.scoring import UNIT, block_accuracy, block_chance, block_table
from mmbench_tasks.scenes.skills import SKILLS
from mmbench_tasks.scenes.tasks import FACTS, Scenes, SceneTask
from mmbench_tasks.vqa.card import ANY, VqaCard
from mmbench_tasks.vqa.task import VqaTask


class SceneQuestionsTask(SceneTask, VqaTask):
    """Questions about scenes. Beside the accuracy of answers it counts the blocks on which every answer is right.

    Errors cluster by block. Models that look at the picture or the question alone, or add up what each says by itself,
    have a block accuracy of 0; see `mmbench_tasks.scenes.blocks`.
    """

    variants = (ANY,)

    @property
    def primary(self) -> tuple[str, ...]:
        """Accuracy and block accuracy."""
        return ("accuracy", "block_accuracy")

    @property
    def metrics(self) -> Sequence[Metric]:
        """Accuracy over samples, and block accuracy over blocks."""
        return [*super().metrics, block_accuracy()]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """Two tables: ``sample``, a row for each question, and ``block``, a row for each block."""
        tables = super().score(samples, responses)
        return {**tables, UNIT: block_table(samples, tables["sample"])}

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Expected accuracy, and block accuracy where whole blocks are asked, of uniformly random choices."""
        values = super().chance(samples)
        blocks = block_chance(samples)
        return values if blocks is None else {**values, "block_accuracy": blocks}


@lru_cache(maxsize=4)
def scene_questions(split: str, size: int) -> tuple[Question, ...]:
    """The questions of ``test``, ``train`` or ``val``: block by block, image by image, the skills evenly mixed.

    A sample is a question about one of its block's images: ``test-attribute-0017-1-2`` asks question 2 about image 1.
    """
    slices = {skill: {"skill": skill} for skill in SKILLS}
    references = {answer: (answer,) for skill in SKILLS.values() for answer in skill.answers}
    return tuple(
        Question(
            id=block.sample_id(image, number),
            image=media,
            question=question,
            answers=references[block.answers[image][number]],
            choices=block.choices,
            slices=slices[block.skill],
            group=block.id,
        )
        for block in blocks(split)
        for image, media in enumerate([scene_media(scene, size) for scene in block.scenes])
        for number, question in enumerate(block.questions)
    )


CARD = VqaCard(
    name="vqa/scenes",
    description="3,400 questions in 600 Latin-square blocks: colours, combinations, positions and numbers of shapes",
    source=Scenes(scene_questions),
    prompt="short-answer-v1",
    extractor="exact",
    closed_answers=True,
    **FACTS,
)
task = SceneQuestionsTask(CARD)
