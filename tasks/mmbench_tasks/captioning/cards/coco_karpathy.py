"""COCO captions, Karpathy's test split."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official, captioned_of
from mmbench_tasks.captioned import karpathy
from mmbench_tasks.captioning.card import CaptioningCard

CARD = CaptioningCard(
    name="captioning/coco-karpathy",
    description="COCO photographs to describe, five captions each, Karpathy's test split",
    licence="CC-BY-4.0",
    citation="Chen et al., Microsoft COCO Captions: Data Collection and Evaluation Server, arXiv 1504.00325; the split of Karpathy and Fei-Fei, CVPR 2015",
    source=Distribution(
        rows_of=captioned_of,
        name="coco-2014",
        official=Official(
            files={"test": ()},
            read=karpathy("dataset_coco*.json", "coco_karpathy_test*.json"),
            alone=("dataset_coco*.json", "coco_karpathy_test*.json"),
            images=("val2014", ".", "images"),
            url="https://cs.stanford.edu/people/karpathy/deepimagesent/",
        ),
        fields=Fields(id="id", image="image", captions="captions", media="id"),
    ),
    prompt="one-sentence-v1",
    samples=5_000,
    published={"BLIP (LAVIS), fine-tuned": "BLEU-4 39.9, CIDEr 133.5: LAVIS, docs/benchmark.rst"},
    verified="the official scorer on other data, to 1e-9; images not at hand",
)
