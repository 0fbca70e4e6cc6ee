"""CMU-MOSI: how strongly people feel about what they say, in the pickles of MMSA."""

from __future__ import annotations

from mmbench.data import Official
from mmbench_tasks.sentiment.card import SentimentCard
from mmbench_tasks.sentiment.published import Pickles

CARD = SentimentCard(
    name="sentiment/mosi",
    description="opinions in videos, from -3 to 3; what was said is asked about",
    licence="unknown",
    citation="Zadeh et al., MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity Analysis in Online Opinion Videos, arXiv 1606.06259",
    source=Pickles(
        Official(
            files={"test": ("*MOSI*unaligned_50.pkl", "unaligned_50.pkl", "aligned_50.pkl", "mosi*.pkl")},
            url="https://github.com/thuiar/MMSA",
        )
    ),
    splits=("test", "train", "val"),
    modalities=("text",),
    max_images=0,
    numbers_are_signs=True,
    samples=686,
    verified="the metrics of MMSA and MulT, in unit tests; the layout; the pickles are not at hand",
)
