"""AI2D: diagrams of school science, labels as they are."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/ai2d-no-mask",
    description="diagrams of school science, labels as they are (no mask); several points easier than with a mask",
    licence="unknown",
    citation="Kembhavi et al., A Diagram Is Worth A Dozen Images, ECCV 2016",
    source=Distribution(
        rows_of=question_rows,
        hub=Hub(
            id="Efficient-Large-Model/ai2d-no-mask",
            unpinned="no full hash is known",
        ),
        fields=Fields(question="question", choices="options", answer="answer", image="image", answer_is="index"),
    ),
    samples=3_088,
)
