"""AI2D: diagrams of school science, labels replaced by letters in boxes."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/ai2d",
    description="diagrams of school science, labels replaced by letters in boxes (mask)",
    licence="unknown",
    citation="Kembhavi et al., A Diagram Is Worth A Dozen Images, ECCV 2016",
    source=Distribution(
        rows_of=question_rows,
        hub=Hub(
            id="lmms-lab-encoder/ai2d",
            also=("lmms-lab/ai2d",),
            revision="7f7fbf8edcc628605d9e48da01c50b3cc5b3d02d",
        ),
        fields=Fields(question="question", choices="options", answer="answer", image="image", answer_is="index"),
    ),
    samples=3_088,
)
