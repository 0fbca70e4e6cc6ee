"""The family `yes-no`: questions that are answered yes or no."""

from mmbench_tasks.yes_no.card import YesNoCard
from mmbench_tasks.yes_no.task import YesNoTask

__all__ = ["YesNoCard", "YesNoTask"]
