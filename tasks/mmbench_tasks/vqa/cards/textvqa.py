"""TextVQA, validation: questions about text in images."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/textvqa",
    description="questions about text in images, ten answers each, validation; no OCR tokens in the prompt",
    licence="CC-BY-4.0",
    citation="Singh et al., Towards VQA Models That Can Read, CVPR 2019",
    source=Distribution(
        rows_of=question_rows,
        name="textvqa",
        hub=Hub(
            id="lmms-lab-encoder/textvqa",
            also=("lmms-lab/textvqa",),
            unpinned="no full hash is known",
            splits={"test": "validation"},
            fields=Fields(image="image"),
        ),
        official=Official(
            files={"test": ("TextVQA_0.5.1_val*.json",)},
            images=("train_images",),
            fields=Fields(image="{image_id}.jpg"),
            url="https://textvqa.org/dataset/",
        ),
        fields=Fields(id="question_id", question="question", answers="answers", media="image_id", group="image_id"),
    ),
    prompt="short-phrase-v1",
    variant="textvqa-evalai",
    samples=5_000,
    published={"Qwen3-VL-2B (LoRA)": "74.41: a third party's predictions"},
    verified="official text and third-party predictions, 2026-11: 74.414; LLaVA-1.5-13B on the first 100: 62.7",
)
