"""How people feel about what they say: the family `sentiment` and its datasets."""

from mmbench_tasks.sentiment.card import SentimentCard, Utterance
from mmbench_tasks.sentiment.task import SentimentTask

__all__ = ["SentimentCard", "SentimentTask", "Utterance"]
