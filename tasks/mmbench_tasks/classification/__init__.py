"""The family `classification`: images of classes, by embeddings of prompts or by answers."""

from mmbench_tasks.classification.card import ClassificationCard, Labelled
from mmbench_tasks.classification.task import ClassificationTask

__all__ = ["ClassificationCard", "ClassificationTask", "Labelled"]
