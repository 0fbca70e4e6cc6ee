"""Hateful Memes: whether an image and the text on it are hateful together."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.yes_no.card import YesNoCard

CARD = YesNoCard(
    name="yes-no/hateful-memes",
    description="whether a meme is hateful; test is test_seen, val dev_seen, as in the paper",
    licence="LicenseRef-Hateful-Memes",
    citation="Kiela et al., The Hateful Memes Challenge: Detecting Hate Speech in Multimodal Memes, NeurIPS 2020",
    source=Distribution(
        rows_of=question_rows,
        name="hateful-memes",
        official=Official(
            files={"test": ("test_seen*.jsonl",), "val": ("dev_seen*.jsonl",)},
            images=(".",),
            url="https://www.drivendata.org/competitions/64/hateful-memes/",
        ),
        fields=Fields(id="id", question="text", answer="label", image="img", media="img"),
    ),
    splits=("test", "val"),
    prompt="hateful-v1",
    metrics=("auroc(positive=yes)", "accuracy", "average_precision(positive=yes)", "f1(positive=yes)"),
    samples=1_000,
    published={"VisualBERT COCO": "AUROC 71.41 on test_seen: Kiela et al. 2020"},
    verified="the layout; the labels are not at hand",
)
