"""ScienceQA, test: the questions with an image."""

from __future__ import annotations

from dataclasses import replace

from mmbench_tasks.mcq.cards import scienceqa

CARD = replace(
    scienceqa.CARD,
    name="mcq/scienceqa-img",
    description="school science, two to five options, the questions with an image; extractor=scienceqa-official reads as LLaVA does",
    source=scienceqa.source("ScienceQA-IMG", with_image=True),
    samples=2_017,
    published={"LLaVA-1.5-7B": "66.8", "LLaVA-1.5-13B": "71.6: LLaVA, MODEL_ZOO.md"},
)
