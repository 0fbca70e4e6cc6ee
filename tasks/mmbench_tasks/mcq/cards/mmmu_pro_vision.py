"""MMMU-Pro, vision."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/mmmu-pro-vision",
    description="questions that stand in the image, with options, read by the official parser without its random guesses",
    licence="Apache-2.0",
    citation="Yue et al., MMMU-Pro: A More Robust Multi-discipline Multimodal Understanding Benchmark, ACL 2025",
    source=Distribution(
        rows_of=question_rows,
        name="mmmu-pro-vision",
        hub=Hub(
            id="MMMU/MMMU_Pro",
            unpinned="no full hash is known",
            config="vision",
        ),
        official=Official(files={"test": ("*.jsonl",)}, url="https://github.com/MMMU-Benchmark/MMMU"),
        fields=Fields(
            id="id",
            question="=Answer the question in the image by the letter of the right option.",
            choices="options",
            answer="answer",
            image="image",
            media="id",
            slices__subject="subject",
            answer_is="letter",
        ),
    ),
    listed=False,
    rule="mmmu-pro",
    results=Fields(id="id", prediction="response"),
    samples=1_730,
    verified="the official parser",
)
