"""NExT-QA, validation: questions about videos, five options; questions and scoring, frames come later."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.mcq.rows import next_qa_rows

CARD = McqCard(
    name="mcq/next-qa",
    description="causal, temporal and descriptive questions about videos, five options; the text alone is put, frames come later",
    licence="MIT",
    citation="Xiao et al., NExT-QA: Next Phase of Question-Answering to Explaining Temporal Actions, CVPR 2021",
    source=Distribution(
        rows_of=next_qa_rows,
        official=Official(files={"test": ("val*.csv",)}, url="https://github.com/doc-doc/NExT-QA"),
        fields=Fields(
            id="{video}_{qid}",
            question="question",
            choices=("a0", "a1", "a2", "a3", "a4"),
            answer="answer",
            group="video",
            kind="type",
            answer_is="index",
        ),
    ),
    modalities=("text",),
    max_images=0,
    results=Fields(id="id", prediction="prediction"),
    predicted_is="index",
    samples=4_996,
    fingerprint="1d1f3f443c712c5b8b40e929ac95178a0250961bd95649c2eb8728e738334c4d",
    published={"HGA": "49.74: NExT-QA, README", "human": "88.38"},
    verified="official val.csv and HGA's results, first 200, 2026-11: 99 of 199",
)
