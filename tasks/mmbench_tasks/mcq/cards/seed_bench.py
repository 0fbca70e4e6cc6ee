"""SEED-Bench: questions about images, nine abilities."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official, kept_by
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/seed-bench",
    description="questions about images, nine abilities; those about videos are left out",
    licence="CC-BY-NC-4.0",
    citation="Li et al., SEED-Bench: Benchmarking Multimodal LLMs with Generative Comprehension, CVPR 2024",
    source=Distribution(
        rows_of=question_rows,
        name="seed-bench",
        hub=Hub(
            id="lmms-lab-encoder/SEED-Bench",
            also=("lmms-lab/SEED-Bench",),
            unpinned="no full hash is known; the head was 74c4ea0",
            keep=kept_by(data_type="image"),
            fields=Fields(image="image"),
        ),
        official=Official(
            files={"test": ("SEED-Bench*.json",)},
            images=("SEED-Bench-image", "."),
            keep=kept_by(data_type="image"),
            fields=Fields(image="data_id"),
            url="https://huggingface.co/datasets/AILab-CVC/SEED-Bench",
        ),
        fields=Fields(
            id="question_id",
            question="question",
            choices=("choice_a", "choice_b", "choice_c", "choice_d"),
            answer="answer",
            media="question_id",
            slices__type="question_type_id",
            answer_is="letter",
        ),
    ),
    results=Fields(id="question_id", prediction="prediction"),
)
