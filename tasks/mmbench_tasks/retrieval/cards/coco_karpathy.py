"""COCO captions, Karpathy's test split, both ways."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.captioned import five_captions, karpathy
from mmbench_tasks.retrieval.card import RetrievalCard

CARD = RetrievalCard(
    name="retrieval/coco-karpathy",
    description="Karpathy's test split of COCO, 5,000 images and their first 25,000 captions (5K); protocol=1k takes five folds",
    licence="CC-BY-4.0",
    citation="Chen et al., Microsoft COCO Captions: Data Collection and Evaluation Server, arXiv 1504.00325; the split of Karpathy and Fei-Fei, CVPR 2015",
    source=Distribution(
        rows_of=five_captions,
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
    samples=5_000,
    published={
        "OpenAI CLIP ViT-B/32": "i2t R@1/5/10 50.12/75.00/83.52, t2i 30.44/55.94/66.87: open_clip, openclip_retrieval_results.csv"
    },
    verified="exact ranks on synthetic embeddings of this size; protocol=1k is the mean over five folds; images not at hand",
)
