"""MMMU-Pro, standard (4 options)."""

from __future__ import annotations

from dataclasses import replace

from mmbench_tasks.mcq.cards import mmmu_pro_10

CARD = replace(
    mmmu_pro_10.CARD,
    name="mcq/mmmu-pro-standard-4",
    description="MMMU questions that a text alone does not answer, 4 options, read by the official parser without its random guesses",
    source=mmmu_pro_10.source(4),
    verified="the official parser",
)
