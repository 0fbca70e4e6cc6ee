"""SugarCrepe: captions of COCO against hard negatives."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.official import one_after_the_other
from mmbench_tasks.questions import question_rows
from mmbench_tasks.retrieval.card import RetrievalCard

_PARTS = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")

CARD = RetrievalCard(
    name="retrieval/sugarcrepe",
    description="captions of COCO against hard negatives in seven categories, by embeddings, or by choice with by=choose",
    licence="MIT",
    citation="Hsieh et al., SugarCrepe: Fixing Hackable Benchmarks for Vision-Language Compositionality, NeurIPS 2023",
    source=Distribution(
        rows_of=question_rows,
        name="coco-2017",
        hub=Hub(
            id="mteb/SUGARCREPE_fmt",
            revision="e9e0e3ce40c94023c819d3413edb5d090ec9f0d8",
            splits={"test": "train"},
            fields=Fields(image="images"),
        ),
        official=Official(
            files={"test": ()},
            read=one_after_the_other({part: f"{part}.json" for part in _PARTS}, "category"),
            alone=tuple(f"{part}.json" for part in _PARTS),
            images=("val2017",),
            fields=Fields(id="{category}/{id}", image="filename", media="filename", slices__category="category"),
            url="https://github.com/RAIVNLab/sugar-crepe",
        ),
        fields=Fields(question="=(two captions)", answer="caption", choices=("caption", "negative_caption")),
    ),
    form="negatives",
    results=Fields(id="id", prediction="answer.multiple_choice_answer"),
    samples=7_511,
    fingerprint="67176f265f40c96c1d533de29517f1584abe9b5ca455d63a771d5f42158dada7",
    verified="official files and answers of GPT-4V, swap_obj, 2026-11: 211 and 198 of 246; values of the paper are those of the categories",
)
