"""nocaps, validation: objects that captions of COCO do not speak of."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official, captioned_of
from mmbench_tasks.captioned import coco_with_domains
from mmbench_tasks.captioning.card import CaptioningCard

CARD = CaptioningCard(
    name="captioning/nocaps",
    description="Open Images to describe, ten captions each, validation; by domain where the official file is read",
    licence="CC-BY-2.0",
    citation="Agrawal et al., nocaps: novel object captioning at scale, ICCV 2019",
    source=Distribution(
        rows_of=captioned_of,
        name="nocaps",
        hub=Hub(
            id="lmms-lab-encoder/NoCaps",
            also=("lmms-lab/NoCaps",),
            revision="44ac713d48d5eb96d4f66a2de19236b5465a5ace",
            splits={"test": "validation"},
            fields=Fields(id="image_id", image="image", captions="annotations_captions", media="image_file_name"),
        ),
        official=Official(
            files={"test": ()},
            read=coco_with_domains("nocaps_val_4500_captions*.json"),
            alone=("nocaps_val_4500_captions*.json",),
            images=("val", "images"),
            fields=Fields(id="id", image="image", caption="caption", media="image", slices__domain="domain"),
            url="https://nocaps.org/download",
        ),
        fields=Fields(),
    ),
    samples=4_500,
    published={"BLIP (LAVIS), fine-tuned on COCO": "CIDEr 109.1, SPICE 14.7: LAVIS, docs/benchmark.rst"},
    verified="the layout; images not at hand",
)
