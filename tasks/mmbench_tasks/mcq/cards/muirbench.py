"""MuirBench: questions about several images."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/muirbench",
    description="questions about several images, twelve tasks; some cannot be answered, which is an option",
    licence="CC-BY-4.0",
    citation="Wang et al., MuirBench: A Comprehensive Benchmark for Robust Multi-image Understanding, ICLR 2025",
    source=Distribution(
        rows_of=question_rows,
        hub=Hub(id="MUIRBENCH/MUIRBENCH", unpinned="no full hash is known"),
        fields=Fields(
            id="idx",
            question="question",
            choices="options",
            answer="answer",
            image="image_list",
            media="idx",
            slices__task="task",
            answer_is="letter",
        ),
    ),
    max_images=9,
    samples=2_600,
)
