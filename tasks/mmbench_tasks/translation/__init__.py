"""The family `translation`: sentences about images, translated."""

from mmbench_tasks.translation.card import Sentence, TranslationCard
from mmbench_tasks.translation.task import TranslationTask

__all__ = ["Sentence", "TranslationCard", "TranslationTask"]
