"""MathVision: mathematics competitions, options and values."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/mathvision",
    description="problems of mathematics competitions, with options or a value, read by the rules of the official script",
    licence="MIT",
    citation="Wang et al., Measuring Multimodal Mathematical Reasoning with MATH-Vision Dataset, NeurIPS 2024",
    source=Distribution(
        rows_of=question_rows,
        name="mathvision",
        hub=Hub(
            id="MathLLMs/MathVision",
            unpinned="no full hash is known; two answers were corrected later",
            fields=Fields(image="decoded_image", media="image"),
        ),
        official=Official(
            files={"test": ("test.jsonl",)},
            images=("images", "."),
            fields=Fields(image="image", media="image"),
            url="https://github.com/mathllm/MATH-V",
        ),
        fields=Fields(
            id="id",
            question="question",
            choices="options",
            answer="answer",
            slices__subject="subject",
            slices__level="level",
            answer_is="letter",
        ),
    ),
    open_questions=True,
    rule="mathvision",
    results=Fields(id="id", prediction="response"),
    samples=3_040,
    verified="the rules of the official evaluate.py; LaTeX is computed by an evaluator of our own",
)
