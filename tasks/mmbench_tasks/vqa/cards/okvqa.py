"""OK-VQA: open questions that need outside knowledge."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/okvqa",
    description="open questions that need outside knowledge, ten answers each",
    licence="CC-BY-4.0",
    citation="Marino et al., OK-VQA: A Visual Question Answering Benchmark Requiring External Knowledge, CVPR 2019",
    source=Distribution(
        rows_of=question_rows,
        name="coco-2014",
        hub=Hub(
            id="lmms-lab-encoder/OK-VQA",
            also=("lmms-lab/OK-VQA",),
            revision="c9f858961f4095a9aeef615057b0822cce967096",
            splits={"test": "val2014"},
            fields=Fields(image="image", media="question_id"),
        ),
        official=Official(
            files={"test": ("OpenEnded_mscoco_val2014_questions*.json", "mscoco_val2014_annotations*.json")},
            join="question_id",
            images=("val2014",),
            fields=Fields(image="COCO_val2014_{image_id:012d}.jpg", media="image_id", group="image_id"),
            url="https://okvqa.allenai.org/download.html",
        ),
        fields=Fields(id="question_id", question="question", answers="answers", slices__question_type="question_type"),
    ),
    prompt="short-phrase-v1",
    variant="official-2021",
    samples=5_046,
    published={"BLIP, fine-tuned": "55.4: LAVIS, docs/benchmark.rst"},
    verified="official questions, 2026-11; annotations not at hand",
)
