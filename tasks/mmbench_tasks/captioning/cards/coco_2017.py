"""COCO captions, validation of 2017."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official, captioned_of
from mmbench_tasks.captioning.card import CaptioningCard

CARD = CaptioningCard(
    name="captioning/coco-2017",
    description="COCO photographs to describe, five captions each, validation of 2017",
    licence="CC-BY-4.0",
    citation="Chen et al., Microsoft COCO Captions: Data Collection and Evaluation Server, arXiv 1504.00325",
    source=Distribution(
        rows_of=captioned_of,
        name="coco-2017",
        hub=Hub(
            id="lmms-lab-encoder/COCO-Caption2017",
            also=("lmms-lab/COCO-Caption2017",),
            unpinned="no full hash is known",
            splits={"test": "val"},
            fields=Fields(id="question_id", image="image", captions="answer", media="question_id"),
        ),
        official=Official(
            files={"test": ("captions_val2017*.json",)},
            images=("val2017",),
            fields=Fields(id="image_id", image="{image_id:012d}.jpg", caption="caption", media="{image_id:012d}.jpg"),
            url="https://cocodataset.org/#download",
        ),
        fields=Fields(),
    ),
    samples=5_000,
)
