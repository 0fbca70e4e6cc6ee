"""MMStar: questions that need the image, six abilities."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/mmstar",
    description="1,500 questions that need the image, six abilities; options stand in the question",
    licence="unknown",
    citation="Chen et al., Are We on the Right Way for Evaluating Large Vision-Language Models?, NeurIPS 2024",
    source=Distribution(
        rows_of=question_rows,
        hub=Hub(id="Lin-Chen/MMStar", unpinned="no full hash is known", splits={"test": "val"}),
        fields=Fields(
            id="index",
            question="question",
            choices=("=A", "=B", "=C", "=D"),
            answer="answer",
            image="image",
            media="index",
            slices__category="category",
        ),
    ),
    listed=False,
    samples=1_500,
)
