"""HallusionBench: questions of language hallucination and visual illusion, in groups that hold one another in check."""

from __future__ import annotations

from collections.abc import Mapping

from mmbench.data import Distribution, Fields, Hub, Official, Record
from mmbench_tasks.official import computed
from mmbench_tasks.questions import question_rows
from mmbench_tasks.yes_no.card import YesNoCard

_ID = "{category}_{subcategory}_{set_id}_{figure_id}_{question_id}"


def _names(record: Record) -> Mapping[str, str | None]:
    """The figure (none for questions without one), the question in all its figures, and the image."""
    category, part, group, figure, question = (
        str(record.fields[name]) for name in ("category", "subcategory", "set_id", "figure_id", "question_id")
    )
    shown = str(record.fields.get("visual_input")) != "0"
    return {
        "figure": "" if category == "VS" and figure == "0" else f"{category}_{part}_{group}_{figure}",
        "pair": f"{category}_{part}_{group}_{question}",
        "image": f"{category}/{part}/{group}_{figure}.png" if shown else None,
    }


CARD = YesNoCard(
    name="yes-no/hallusionbench",
    description="language hallucination and visual illusion: accuracy of questions (aAcc), figures (fAcc) and pairs (qAcc), read by rules",
    licence="BSD-3-Clause",
    citation="Guan et al., HallusionBench: An Advanced Diagnostic Suite for Entangled Language Hallucination and Visual Illusion, CVPR 2024",
    source=Distribution(
        rows_of=question_rows,
        name="hallusionbench",
        hub=Hub(
            id="lmms-lab-encoder/HallusionBench",
            also=("lmms-lab/HallusionBench",),
            unpinned="no full hash is known; the hub keeps questions without an image in a split of its own, which is not read",
            splits={"test": "image"},
            fields=Fields(
                meta__figure="{category}_{subcategory}_{set_id}_{figure_id}",
                meta__pair="{category}_{subcategory}_{set_id}_{question_id}",
            ),
        ),
        official=Official(
            files={"test": ()},
            read=computed({"test": "HallusionBench.json"}, _names),
            images=("hallusion_bench", "."),
            fields=Fields(meta__figure="figure", meta__pair="pair"),
            url="https://github.com/tianyi-lab/HallusionBench",
        ),
        fields=Fields(
            id=_ID,
            question="question",
            answer="gt_answer",
            image="image",
            media="{category}/{subcategory}/{set_id}_{figure_id}.png",
            group="{category}_{subcategory}_{set_id}",
            slices__category="category",
            slices__subcategory="subcategory",
        ),
    ),
    metrics=(
        "accuracy(extraction=rules,rule=yes-no)",
        "group_accuracy(extraction=rules,of=figure)",
        "group_accuracy(extraction=rules,of=pair)",
    ),
    groups={"figure": "figure", "pair": "pair"},
    results=Fields(id=_ID, prediction="model_prediction"),
    samples=1_129,
    verified="the groups of the official utils.py; the published numbers ask GPT-4 what was answered, these do not",
)
