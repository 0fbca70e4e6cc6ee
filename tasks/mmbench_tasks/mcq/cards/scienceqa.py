"""ScienceQA, test, with and without an image."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.mcq.rows import read_science_qa
from mmbench_tasks.questions import question_rows


def source(config: str, *, with_image: bool) -> Distribution:
    """A configuration on the hub; of the official files all questions, or those with an image."""
    return Distribution(
        rows_of=question_rows,
        name="scienceqa",
        hub=Hub(
            id="lmms-lab-encoder/ScienceQA",
            also=("lmms-lab/ScienceQA",),
            revision="b6a4c32f378d00d47d5558a167abd5443ca10056",
            config=config,
        ),
        official=Official(
            files={"test": (), "val": ()},
            read=read_science_qa(with_image=with_image),
            alone=("problems.json",),
            fields=Fields(id="id", media="image"),
            url="https://github.com/lupantech/ScienceQA",
        ),
        fields=Fields(
            question="question",
            choices="choices",
            answer="answer",
            image="image",
            meta__hint="hint",
            slices__subject="subject",
            answer_is="index",
        ),
    )


CARD = McqCard(
    name="mcq/scienceqa",
    description="school science, two to five options, with and without an image; extractor=scienceqa-official reads as LLaVA does",
    licence="CC-BY-NC-SA-4.0",
    citation="Lu et al., Learn to Explain: Multimodal Reasoning via Thought Chains for Science Question Answering, NeurIPS 2022",
    source=source("ScienceQA-FULL", with_image=False),
    extractor="scienceqa-official",
    splits=("test", "val"),
    samples=4_241,
    published={"LLaVA-1.5-13B": "74.39: its result file"},
    verified="LLaVA-1.5-13B's result file, 2026-11: its 4,241 answers are read as there; the questions are not at hand",
)
