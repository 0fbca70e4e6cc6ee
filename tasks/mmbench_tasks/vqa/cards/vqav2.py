"""VQAv2, validation: open questions about photographs of COCO, ten answers each."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/vqav2",
    description="open questions about photographs of COCO, ten people each, validation",
    licence="CC-BY-4.0",
    citation="Goyal et al., Making the V in VQA Matter, CVPR 2017",
    source=Distribution(
        rows_of=question_rows,
        name="coco-2014",
        by_columns=True,
        hub=Hub(
            id="lmms-lab-encoder/VQAv2",
            also=("lmms-lab/VQAv2",),
            revision="32665d35052eb4a6d4414851c3c829a72754915a",
            splits={"test": "validation"},
            fields=Fields(image="image"),
        ),
        official=Official(
            files={"test": ("v2_OpenEnded_mscoco_val2014_questions*.json", "v2_mscoco_val2014_annotations*.json")},
            join="question_id",
            images=("val2014",),
            fields=Fields(image="COCO_val2014_{image_id:012d}.jpg"),
            url="https://visualqa.org/download.html",
        ),
        fields=Fields(
            id="question_id",
            question="question",
            answers="answers",
            media="image_id",
            group="image_id",
            slices__answer_type="answer_type",
        ),
    ),
    prompt="short-phrase-v1",
    variant="official-2021",
    samples=214_354,
    size="44.8 GB",
    published={"MCAN-small": "67.17, trained on train: openvqa"},
    verified="the official script of 2021, in anchors and unit tests; images not at hand",
)
