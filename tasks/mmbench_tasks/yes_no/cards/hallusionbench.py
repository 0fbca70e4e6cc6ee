"""HallusionBench: questions of language hallucination and visual illusion, in groups that hold one another in check."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from mmbench.data import Distribution, Fields, Hub, NamedImages, Official, Question, Record
from mmbench_tasks.official import computed, with_fields
from mmbench_tasks.questions import question_rows
from mmbench_tasks.yes_no.card import YesNoCard

_NO_FIGURE = re.compile("VS_.*_0", re.DOTALL)
_ID = "{category}_{subcategory}_{set_id}_{figure_id}_{question_id}"


def _names(record: Record) -> Mapping[str, str | None]:
    """The image; none for questions without one."""
    category, part, group, figure = (
        str(record.fields[name]) for name in ("category", "subcategory", "set_id", "figure_id")
    )
    shown = str(record.fields.get("visual_input")) != "0"
    return {"image": f"{category}/{part}/{group}_{figure}.png" if shown else None}


def _rows(records: Iterable[Record], images: NamedImages) -> list[Question]:
    """Questions whose figure is none where they are of the category VS and have no figure."""

    def without_figures() -> Iterator[Record]:
        for record in records:
            figure = str(record.fields.get("meta.figure", ""))
            yield with_fields(record, **{"meta.figure": ""}) if _NO_FIGURE.fullmatch(figure) else record

    return question_rows(without_figures(), images)


CARD = YesNoCard(
    name="yes-no/hallusionbench",
    description="language hallucination and visual illusion: accuracy of questions (aAcc), figures (fAcc) and pairs (qAcc), read by rules",
    licence="BSD-3-Clause",
    citation="Guan et al., HallusionBench: An Advanced Diagnostic Suite for Entangled Language Hallucination and Visual Illusion, CVPR 2024",
    source=Distribution(
        rows_of=_rows,
        name="hallusionbench",
        hub=Hub(
            id="lmms-lab-encoder/HallusionBench",
            also=("lmms-lab/HallusionBench",),
            unpinned="no full hash is known",
            splits={"test": "image+non_image"},
        ),
        official=Official(
            files={"test": ()},
            read=computed({"test": "HallusionBench.json"}, _names),
            alone=("HallusionBench*.json",),
            images=("hallusion_bench", "."),
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
            meta__figure="{category}_{subcategory}_{set_id}_{figure_id}",
            meta__pair="{category}_{subcategory}_{set_id}_{question_id}",
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
