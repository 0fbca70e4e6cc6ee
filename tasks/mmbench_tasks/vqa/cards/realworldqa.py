"""RealWorldQA: short questions about photographs of streets and rooms."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/realworldqa",
    description="short questions about photographs of streets and rooms, most of them with options in the text",
    licence="CC-BY-ND-4.0",
    citation="xAI, RealWorldQA, 2024, https://x.ai/blog/grok-1.5v",
    source=Distribution(
        rows_of=question_rows,
        hub=Hub(id="lmms-lab-encoder/RealWorldQA", also=("lmms-lab/RealWorldQA",), unpinned="no full hash is known"),
        fields=Fields(question="question", answer="answer", image="image"),
    ),
    prompt="question-only-v1",
    variant="realworldqa",
    samples=765,
)
