"""Memotion 1.0: how a meme feels."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.sentiment.card import SentimentCard
from mmbench_tasks.sentiment.published import utterances

CARD = SentimentCard(
    name="sentiment/memotion",
    description="memes that are positive, neutral or negative (task A), the 6,992 that were given out for training",
    licence="unknown",
    citation="Sharma et al., SemEval-2020 Task 8: Memotion Analysis, SemEval 2020",
    source=Distribution(
        rows_of=utterances(
            {
                "very_positive": "positive",
                "positive": "positive",
                "neutral": "neutral",
                "negative": "negative",
                "very_negative": "negative",
            }
        ),
        name="memotion",
        official=Official(
            files={"test": ("labels.csv",)},
            images=("images",),
            url="https://www.kaggle.com/datasets/williamscott701/memotion-dataset-7k",
        ),
        fields=Fields(
            id="image_name", text="text_corrected", label="overall_sentiment", image="image_name", media="image_name"
        ),
    ),
    targets=("class",),
    metrics=("f1(average=macro)", "accuracy"),
    samples=6_992,
)
