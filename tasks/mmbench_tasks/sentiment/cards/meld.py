"""MELD, test: emotions in dialogues of Friends."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.sentiment.card import SentimentCard
from mmbench_tasks.sentiment.published import utterances

_EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")

CARD = SentimentCard(
    name="sentiment/meld",
    description="seven emotions in dialogues of Friends; what was said is asked about, errors cluster by dialogue",
    licence="GPL-3.0",
    citation="Poria et al., MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations, ACL 2019",
    source=Distribution(
        rows_of=utterances({name: name for name in _EMOTIONS}),
        official=Official(
            files={"test": ("test_sent_emo*.csv",), "val": ("dev_sent_emo*.csv",), "train": ("train_sent_emo*.csv",)},
            url="https://github.com/declare-lab/MELD",
        ),
        fields=Fields(
            id="dia{Dialogue_ID}_utt{Utterance_ID}",
            text="Utterance",
            label="Emotion",
            group="{Dialogue_ID}",
            slices__sentiment="Sentiment",
        ),
    ),
    splits=("test", "val", "train"),
    modalities=("text",),
    max_images=0,
    classes=_EMOTIONS,
    targets=("class",),
    metrics=("f1(average=weighted)", "accuracy", "f1(average=macro)"),
    samples=2_610,
)
