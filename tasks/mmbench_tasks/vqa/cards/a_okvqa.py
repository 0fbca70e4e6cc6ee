"""A-OKVQA, validation, direct answers: questions that need knowledge of the world."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard
from mmbench_tasks.vqa.rows import answerable

CARD = VqaCard(
    name="vqa/a-okvqa",
    description="direct answers to questions that need knowledge of the world, difficult ones left out; the form with options is mcq/a-okvqa",
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
            keep=answerable,
        ),
        official=Official(
            files={"test": ("aokvqa_v1p0_val*.json",)},
            images=("val2017",),
            fields=Fields(image="{image_id:012d}.jpg", media="image_id", group="image_id"),
            keep=answerable,
            url="https://github.com/allenai/aokvqa",
        ),
        fields=Fields(id="question_id", question="question", answers="direct_answers", image="image"),
    ),
    prompt="short-phrase-v1",
    variant="direct-answers",
    results=Fields(id="id", prediction="direct_answer"),
    published={"BLIP": "56.2: LAVIS, docs/benchmark.rst"},
    verified="the rule of the official eval_predictions.py",
)
