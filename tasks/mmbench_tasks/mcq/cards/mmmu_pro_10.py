"""MMMU-Pro, standard (10 options)."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows


def source(options: int) -> Distribution:
    """The questions with so many options."""
    return Distribution(
        rows_of=question_rows,
        name="mmmu-pro",
        hub=Hub(
            id="MMMU/MMMU_Pro",
            unpinned="no full hash is known",
            config=f"standard ({options} options)",
        ),
        official=Official(files={"test": ("*.jsonl",)}, url="https://github.com/MMMU-Benchmark/MMMU"),
        fields=Fields(
            id="id",
            question="question",
            choices="options",
            answer="answer",
            image=tuple(f"image_{number}" for number in range(1, 8)),
            media="id",
            slices__subject="subject",
            answer_is="letter",
        ),
    )


CARD = McqCard(
    name="mcq/mmmu-pro-standard-10",
    description="MMMU questions that a text alone does not answer, 10 options, read by the official parser without its random guesses",
    licence="Apache-2.0",
    citation="Yue et al., MMMU-Pro: A More Robust Multi-discipline Multimodal Understanding Benchmark, ACL 2025",
    source=source(10),
    max_images=7,
    rule="mmmu-pro",
    results=Fields(id="id", prediction="response"),
    samples=1_730,
    verified="official output of GPT-4o, first 60 lines, 2026-11: 25 right",
)
