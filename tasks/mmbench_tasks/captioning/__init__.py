"""Images to describe: the family `captioning` and its datasets."""

from mmbench_tasks.captioning.card import CaptioningCard
from mmbench_tasks.captioning.task import CaptioningTask

__all__ = ["CaptioningCard", "CaptioningTask"]
