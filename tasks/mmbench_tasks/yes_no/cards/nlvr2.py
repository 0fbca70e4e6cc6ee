"""NLVR2: whether a sentence is true of two photographs."""

from __future__ import annotations

from collections.abc import Mapping

from mmbench.data import Distribution, Fields, Official, Record
from mmbench_tasks.official import computed
from mmbench_tasks.questions import question_rows
from mmbench_tasks.yes_no.card import YesNoCard


def _names(record: Record) -> Mapping[str, str]:
    """The names of the images, and the sentence: the identifier without the number of the pair."""
    split, group, pair, sentence = record.text("identifier").rsplit("-", 3)
    return {
        "left": f"{split}-{group}-{pair}-img0.png",
        "right": f"{split}-{group}-{pair}-img1.png",
        "sentence_id": f"{split}-{group}-{sentence}",
    }


CARD = YesNoCard(
    name="yes-no/nlvr2",
    description="whether a sentence is true of two photographs; test is the public test set (test-P), val the development set",
    licence="CC-BY-4.0",
    citation="Suhr et al., A Corpus for Reasoning About Natural Language Grounded in Photographs, ACL 2019",
    source=Distribution(
        rows_of=question_rows,
        name="nlvr2",
        official=Official(
            files={"test": (), "val": ()},
            read=computed({"test": "test1.json", "val": "dev.json"}, _names),
            alone=("test1.json",),
            images=("test1", "dev", "images"),
            url="https://github.com/lil-lab/nlvr",
        ),
        fields=Fields(
            id="identifier",
            question="sentence",
            answer="label",
            image=("left", "right"),
            media="{left}",
            meta__sentence="sentence_id",
            group="sentence_id",
        ),
    ),
    splits=("test", "val"),
    max_images=2,
    prompt="true-statement-v1",
    metrics=("accuracy", "consistency", "predicted_rate(positive=yes)"),
    groups={"sentence": "sentence"},
    results=Fields(id="identifier", prediction="prediction"),
    samples=6_967,
    published={"BLIP ViT-B": "82.48 dev, 83.25 test-P: LAVIS, docs/benchmark.rst"},
    verified="official text files, 2026-11; the majority of dev is 50.86 %; images not at hand",
)
