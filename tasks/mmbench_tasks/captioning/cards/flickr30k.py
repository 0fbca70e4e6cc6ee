"""Flickr30k, Karpathy's test split."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official, captioned_of
from mmbench_tasks.captioned import karpathy
from mmbench_tasks.captioning.card import CaptioningCard

CARD = CaptioningCard(
    name="captioning/flickr30k",
    description="photographs of people to describe, five captions each, Karpathy's test split of 1,000",
    licence="LicenseRef-Flickr30k",
    citation="Young et al., From image descriptions to visual denotations, TACL 2014; the split of Karpathy and Fei-Fei, CVPR 2015",
    source=Distribution(
        rows_of=captioned_of,
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
    prompt="one-sentence-v1",
    samples=1_000,
    verified="the official scorer on other data; images not at hand",
)
