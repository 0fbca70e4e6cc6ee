"""MMMU, validation: questions of 30 college subjects, some of them open."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.mcq.rows import mmmu_rows, read_mmmu

CARD = McqCard(
    name="mcq/mmmu-val",
    description="questions of 30 college subjects, 847 with options and 53 open, read by the official parsers without their random guesses",
    licence="Apache-2.0",
    citation="Yue et al., MMMU: A Massive Multi-discipline Multimodal Understanding and Reasoning Benchmark for Expert AGI, CVPR 2024",
    source=Distribution(
        rows_of=mmmu_rows,
        hub=Hub(
            id="lmms-lab-encoder/MMMU",
            also=("lmms-lab/MMMU",),
            revision="05f8949b2ca19edad49f8736b86dc479d4142e5e",
            splits={"test": "validation"},
        ),
        official=Official(files={"test": ()}, read=read_mmmu, url="https://github.com/MMMU-Benchmark/MMMU"),
        fields=Fields(
            id="id",
            question="question",
            choices="options",
            answer="answer",
            image=tuple(f"image_{number}" for number in range(1, 8)),
            media="id",
            answer_is="letter",
        ),
    ),
    max_images=7,
    open_questions=True,
    rule="mmmu",
    samples=900,
    published={"LLaVA-1.5-13B": "36.7: official outputs", "Qwen-VL": "36.1: official outputs"},
    verified="official outputs and main_eval_only.py, 2026-11: 330 and 325 of 900",
)
