"""VizWiz-VQA, validation: questions of blind people about their photographs."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/vizwiz",
    description="questions of blind people about their photographs, ten answers each, some unanswerable, validation",
    licence="CC-BY-4.0",
    citation="Gurari et al., VizWiz Grand Challenge: Answering Visual Questions from Blind People, CVPR 2018",
    source=Distribution(
        rows_of=question_rows,
        name="vizwiz",
        hub=Hub(
            id="lmms-lab-encoder/VizWiz-VQA",
            also=("lmms-lab/VizWiz-VQA",),
            revision="d428a2dae984f79cf1b9d99467dfa883e0c30686",
            splits={"test": "val"},
            fields=Fields(id="question_id", media="question_id", slices__answer_type="category"),
        ),
        official=Official(
            files={"test": ("val*.json",)}, images=("val",), url="https://vizwiz.org/tasks-and-datasets/vqa/"
        ),
        fields=Fields(
            id="image",
            question="question",
            answers="answers",
            image="image",
            media="image",
            slices__answer_type="answer_type",
        ),
    ),
    prompt="short-phrase-or-unanswerable-v1",
    variant="always-normalised",
    samples=4_319,
    verified="official annotations, first 100, are read; people have no ids and are told apart by their place",
)
