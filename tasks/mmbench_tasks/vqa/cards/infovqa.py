"""InfographicVQA, validation: questions about infographics."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/infovqa",
    description="questions about infographics, validation; edit similarity to the nearest answer (ANLS)",
    licence="LicenseRef-RRC",
    citation="Mathew et al., InfographicVQA, WACV 2022",
    source=Distribution(
        rows_of=question_rows,
        name="infovqa",
        hub=Hub(
            id="lmms-lab-encoder/DocVQA",
            also=("lmms-lab/DocVQA",),
            revision="59fed3cdc38662abeef8f363171b2ec7c95c165c",
            config="InfographicVQA",
            splits={"test": "validation"},
            fields=Fields(image="image", media="questionId"),
        ),
        official=Official(
            files={"test": ("infographicsVQA_val_v1.0*.json",)},
            images=("infographicsvqa_images", "images"),
            fields=Fields(image="image_local_name", media="image_local_name"),
            url="https://rrc.cvc.uab.es/?ch=17",
        ),
        fields=Fields(id="questionId", question="question", answers="answers"),
    ),
    prompt="short-phrase-v1",
    variant="anls",
    samples=2801,
    verified="the rule of the competition's script, in unit tests; the published numbers of recent models are those of the hidden test set",
)
