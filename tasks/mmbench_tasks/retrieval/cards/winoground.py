"""Winoground: which caption fits which image, where both have the same words."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub
from mmbench_tasks.questions import question_rows
from mmbench_tasks.retrieval.card import RetrievalCard

CARD = RetrievalCard(
    name="retrieval/winoground",
    description="400 squares of two images and two captions of the same words: text, image and group score (random: 25, 25, 16.67 %)",
    licence="LicenseRef-Winoground",
    citation="Thrush et al., Winoground: Probing Vision and Language Models for Visio-Linguistic Compositionality, CVPR 2022",
    source=Distribution(
        rows_of=question_rows,
        hub=Hub(id="facebook/winoground", revision="b400e173549071916ad1b3d449293bc8d8b4b763", gated=True),
        fields=Fields(
            id="id",
            question="=(two captions)",
            image=("image_0", "image_1"),
            media="id",
            answers=("caption_0", "caption_1"),
            slices__tag="collapsed_tag",
        ),
    ),
    max_images=1,
    form="squares",
    samples=400,
    verified="the strict rule of the paper, in unit tests; the data are gated and not at hand",
)
