"""MathVista, testmini: mathematics in images, options and typed answers."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/mathvista-mini",
    description="mathematics in images, 540 questions with options and 460 with typed answers, found by rules",
    licence="CC-BY-SA-4.0",
    citation="Lu et al., MathVista: Evaluating Mathematical Reasoning of Foundation Models in Visual Contexts, ICLR 2024",
    source=Distribution(
        rows_of=question_rows,
        name="mathvista",
        hub=Hub(
            id="AI4Math/MathVista",
            unpinned="no full hash is known",
            splits={"test": "testmini"},
            fields=Fields(image="decoded_image", media="image"),
        ),
        official=Official(
            files={"test": ("*.json",)},
            images=("images", "data"),
            fields=Fields(image="image", media="image"),
            url="https://github.com/lupantech/MathVista",
        ),
        fields=Fields(
            id="pid",
            question="question",
            choices="choices",
            answer="answer",
            meta__precision="precision",
            meta__answer_type="answer_type",
            slices__question_type="question_type",
            slices__answer_type="answer_type",
        ),
    ),
    open_questions=True,
    rule="mathvista",
    judged=True,
    results=Fields(id="id", prediction="extraction"),
    samples=1_000,
    verified="official output of LLaVA, first 100, 2026-11: 27 right; the published numbers ask a language model for the answer in a text",
)
