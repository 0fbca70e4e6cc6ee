"""Find captions by image and images by caption: the family `retrieval` and its datasets."""

from mmbench_tasks.retrieval.card import RetrievalCard
from mmbench_tasks.retrieval.task import RetrievalTask

__all__ = ["RetrievalCard", "RetrievalTask"]
