"""POPE: whether objects are in images of COCO, asked about random, popular and adversarial ones."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.official import one_after_the_other
from mmbench_tasks.questions import question_rows
from mmbench_tasks.yes_no.card import YesNoCard

CARD = YesNoCard(
    name="yes-no/pope",
    description="whether an object is in an image; extractor=pope-official counts what is neither yes nor no as yes",
    licence="MIT",
    citation="Li et al., Evaluating Object Hallucination in Large Vision-Language Models, EMNLP 2023",
    source=Distribution(
        rows_of=question_rows,
        name="coco-2014",
        hub=Hub(
            id="lmms-lab-encoder/POPE",
            also=("lmms-lab/POPE",),
            revision="4db1276663dfa5eb8ad16a52d24c31a09e470896",
            fields=Fields(image="image", media="{image_source}.jpg"),
        ),
        official=Official(
            files={"test": ()},
            read=one_after_the_other(
                {part: f"coco_pope_{part}*.json" for part in ("random", "popular", "adversarial")}, "category"
            ),
            alone=("coco_pope_*.json",),
            images=("val2014",),
            fields=Fields(question="text", answer="label", media="image"),
            url="https://github.com/AoiDragon/POPE",
        ),
        fields=Fields(
            id="{category}/{question_id}",
            question="question",
            answer="answer",
            image="image",
            slices__category="category",
        ),
    ),
    prompt="short-phrase-v1",
    samples=9_000,
    fingerprint="d6126e897cf4b5b5af0d6bcc26623c4d092a62944e12b81b2e147c3f606cf97e",
    verified="official files of 2023-10-09, 2026-11: 9,000 lines; yes to all is accuracy 50, F1 66.67, yes-ratio 1; images not at hand",
)
