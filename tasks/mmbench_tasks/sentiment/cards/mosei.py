"""CMU-MOSEI: how strongly people feel about what they say, in the pickles of MMSA."""

from __future__ import annotations

from mmbench.data import Official
from mmbench_tasks.sentiment.card import SentimentCard
from mmbench_tasks.sentiment.published import Pickles

CARD = SentimentCard(
    name="sentiment/mosei",
    description="opinions in videos of many speakers, from -3 to 3; what was said is asked about",
    licence="unknown",
    citation="Zadeh et al., Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph, ACL 2018",
    source=Pickles(
        Official(
            files={"test": ("*MOSEI*unaligned_50.pkl", "unaligned_50.pkl", "aligned_50.pkl", "mosei*.pkl")},
            url="https://github.com/thuiar/MMSA",
        )
    ),
    splits=("test", "train", "val"),
    modalities=("text",),
    max_images=0,
    numbers_are_signs=True,
    samples=4659,
    verified="the metrics of MMSA and MulT, in unit tests; the layout; the pickles are not at hand",
)
