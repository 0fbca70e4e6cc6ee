"""TextCaps, validation: captions that read the text in an image."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official, captioned_of
from mmbench_tasks.captioning.card import CaptioningCard

CARD = CaptioningCard(
    name="captioning/textcaps",
    description="images with text to describe, five captions each, validation",
    licence="CC-BY-4.0",
    citation="Sidorov et al., TextCaps: a Dataset for Image Captioning with Reading Comprehension, ECCV 2020",
    source=Distribution(
        rows_of=captioned_of,
        name="textvqa",
        official=Official(
            files={"test": ("TextCaps_0.1_val*.json",)},
            images=("train_images",),
            url="https://textvqa.org/textcaps/dataset/",
        ),
        fields=Fields(id="image_id", image="{image_id}.jpg", caption="caption_str", media="image_id"),
    ),
    samples=3_166,
)
