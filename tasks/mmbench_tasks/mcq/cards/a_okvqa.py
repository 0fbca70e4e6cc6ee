"""A-OKVQA, validation: questions that need knowledge of the world, four options."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

CARD = McqCard(
    name="mcq/a-okvqa",
    description="questions that need knowledge of the world, four options; the open form is vqa/a-okvqa",
    licence="unknown",
    citation="Schwenk et al., A-OKVQA: A Benchmark for Visual Question Answering using World Knowledge, ECCV 2022",
    source=Distribution(
        rows_of=question_rows,
        name="coco-2017",
        hub=Hub(
            id="HuggingFaceM4/A-OKVQA",
            unpinned="no full hash is known; the head was d1b0efa",
            splits={"test": "validation"},
            fields=Fields(media="question_id"),
        ),
        official=Official(
            files={"test": ("aokvqa_v1p0_val.json",)},
            images=("val2017",),
            fields=Fields(image="{image_id:012d}.jpg", media="image_id"),
            url="https://github.com/allenai/aokvqa",
        ),
        fields=Fields(
            id="question_id",
            question="question",
            choices="choices",
            answer="correct_choice_idx",
            image="image",
            answer_is="index",
        ),
    ),
    results=Fields(id="id", prediction="multiple_choice"),
    samples=1_145,
    size="1.3 GB",
    verified="the rule of the official eval_predictions.py: the text of the choice",
)
