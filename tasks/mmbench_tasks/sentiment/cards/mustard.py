"""MUStARD: whether an utterance of a television show is sarcastic."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.sentiment.card import SentimentCard
from mmbench_tasks.sentiment.published import read_mustard, utterances

CARD = SentimentCard(
    name="sentiment/mustard",
    description="sarcasm in television shows, speaker-independent: test is FRIENDS, train all other shows, as in the official code",
    licence="MIT",
    citation="Castro et al., Towards Multimodal Sarcasm Detection (An _Obviously_ Perfect Paper), ACL 2019",
    source=Distribution(
        rows_of=utterances({"true": "sarcastic", "false": "sincere"}),
        official=Official(
            files={"test": (), "train": ()}, read=read_mustard, url="https://github.com/soujanyaporia/MUStARD"
        ),
        fields=Fields(id="id", text="text", label="label", slices__show="show"),
    ),
    splits=("test", "train"),
    modalities=("text",),
    max_images=0,
    classes=("sarcastic", "sincere"),
    targets=("class",),
    metrics=("f1(average=weighted)", "accuracy"),
    samples=356,
    verified="official file, first 200 items, is read",
)
