"""The family `mcq`: questions with lettered options."""

from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.mcq.task import McqTask

__all__ = ["McqCard", "McqTask"]
