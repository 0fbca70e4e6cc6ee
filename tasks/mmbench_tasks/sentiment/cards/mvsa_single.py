"""MVSA-Single: tweets with an image, positive, neutral or negative."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.sentiment.card import SentimentCard
from mmbench_tasks.sentiment.published import read_mvsa, utterances


def source(name: str) -> Distribution:
    """The texts and images of MVSA-Single or MVSA-Multiple."""
    return Distribution(
        rows_of=utterances({"positive": "positive", "neutral": "neutral", "negative": "negative"}),
        name=name,
        official=Official(
            files={"test": ()},
            read=read_mvsa,
            images=(".",),
            url="https://mcrlab.net/research/mvsa-sentiment-analysis-on-multi-view-social-data/",
        ),
        fields=Fields(id="id", text="text", label="label", image="image", media="id"),
    )


CARD = SentimentCard(
    name="sentiment/mvsa-single",
    description="tweets with an image; labels of text and image merged, contradictions left out; all pairs, as there is no official split",
    licence="unknown",
    citation="Niu et al., Sentiment Analysis on Multi-View Social Data, MMM 2016",
    source=source("mvsa-single"),
    targets=("class",),
    metrics=("accuracy", "f1(average=weighted)", "f1(average=macro)"),
    samples=4_511,
    verified="the rule of merging; the count is that of the splits of CLMLF; the data are not at hand",
)
