"""OCRBench: recognition of text, formulas and key information."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/ocrbench",
    description="1,000 questions on text, formulas and key information; right when a reference stands in the answer",
    licence="unknown",
    citation="Liu et al., OCRBench: On the Hidden Mystery of OCR in Large Multimodal Models, Science China Information Sciences 2024",
    source=Distribution(
        rows_of=question_rows,
        name="ocrbench",
        hub=Hub(
            id="echo840/OCRBench",
            unpinned="no full hash is known",
            fields=Fields(answers="answer", image="image", slices__type="question_type", meta__part="dataset"),
        ),
        official=Official(
            files={"test": ("OCRBench*.json",)},
            images=("OCRBench_Images", "."),
            fields=Fields(
                id="id",
                answers="answers",
                image="image_path",
                media="image_path",
                slices__type="type",
                meta__part="dataset_name",
            ),
            url="https://github.com/Yuliang-Liu/MultimodalOCR",
        ),
        fields=Fields(question="question"),
    ),
    prompt="question-only-v1",
    variant="ocrbench",
    results=Fields(id="id", prediction="predict"),
    samples=1_000,
    verified="the rule of the official example.py; times 10 it is the score of the leaderboard",
)
