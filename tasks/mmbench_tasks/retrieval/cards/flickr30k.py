"""Flickr30k, Karpathy's test split, both ways."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.captioned import five_captions, karpathy
from mmbench_tasks.retrieval.card import RetrievalCard

CARD = RetrievalCard(
    name="retrieval/flickr30k",
    description="1,000 images and 5,000 captions, Karpathy's test split",
    licence="LicenseRef-Flickr30k",
    citation="Young et al., From image descriptions to visual denotations, TACL 2014; the split of Karpathy and Fei-Fei, CVPR 2015",
    source=Distribution(
        rows_of=five_captions,
        name="flickr30k",
        hub=Hub(
            id="royokong/flickr30k_test",
            revision="e5d418e5d73970abdca4f9d97914e1b4cce76478",
            fields=Fields(image="image", captions="text"),
        ),
        official=Official(
            files={"test": ()},
            read=karpathy("dataset_flickr30k*.json", "flickr30k_test*.json"),
            alone=("dataset_flickr30k*.json", "flickr30k_test*.json"),
            images=("flickr30k-images", "flickr30k_images", "."),
            fields=Fields(id="id", image="image", captions="captions", media="id"),
            url="https://cs.stanford.edu/people/karpathy/deepimagesent/",
        ),
        fields=Fields(),
    ),
    samples=1_000,
    published={
        "OpenAI CLIP ViT-B/32": "i2t R@1/5/10 78.9/94.9/98.2, t2i 58.78/83.56/90.02: open_clip, openclip_retrieval_results.csv"
    },
    verified="exact ranks on synthetic embeddings; images not at hand",
)
