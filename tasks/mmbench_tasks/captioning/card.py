"""What a dataset of the family `captioning` declares."""

from __future__ import annotations

from dataclasses import dataclass

from mmbench.core import DatasetCard


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptioningCard(DatasetCard):
    """A dataset of captioned images; its source gives rows such as `mmbench.data.Captioned`."""

    prompt: str = "one-sentence-v1"
    """Name of a prompt in `mmbench_tasks.captioning.prompts.PROMPTS`."""
