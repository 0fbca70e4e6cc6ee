"""MVSA-Multiple: tweets with an image, positive, neutral or negative."""

from __future__ import annotations

from dataclasses import replace

from mmbench_tasks.sentiment.cards import mvsa_single

CARD = replace(
    mvsa_single.CARD,
    name="sentiment/mvsa-multiple",
    description="tweets with an image, three annotators; labels of text and image merged, contradictions left out; all pairs, as there is no official split",
    source=mvsa_single.source("mvsa-multiple"),
    samples=17_024,
)
