"""DocVQA, validation: questions about scanned documents."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/docvqa",
    description="questions about scanned documents, validation; edit similarity to the nearest answer (ANLS)",
    licence="LicenseRef-RRC",
    citation="Mathew et al., DocVQA: A Dataset for VQA on Document Images, WACV 2021",
    source=Distribution(
        rows_of=question_rows,
        name="docvqa",
        hub=Hub(
            id="lmms-lab-encoder/DocVQA",
            also=("lmms-lab/DocVQA",),
            revision="59fed3cdc38662abeef8f363171b2ec7c95c165c",
            config="DocVQA",
            splits={"test": "validation"},
            fields=Fields(image="image", media="questionId"),
        ),
        official=Official(
            files={"test": ("val_v1.0*.json",)},
            images=("documents", "."),
            fields=Fields(image="image", media="image"),
            url="https://rrc.cvc.uab.es/?ch=17",
        ),
        fields=Fields(id="questionId", question="question", answers="answers"),
    ),
    prompt="short-phrase-v1",
    variant="anls",
    samples=5349,
    verified="the rule of the competition's script, in unit tests; the published numbers of recent models are those of the hidden test set",
)
