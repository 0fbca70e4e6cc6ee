"""Questions about images: the family `vqa` and its datasets."""

from mmbench_tasks.vqa.card import VqaCard
from mmbench_tasks.vqa.task import VqaTask

__all__ = ["VqaCard", "VqaTask"]
