"""``vqa/sheets``: a dataset of the family `vqa`, declared by a card."""

from mmbench.data import Question
from mmbench_sheets.images import COUNT, is_damaged, sheet
from mmbench_tasks.vqa import VqaCard


class Sheets:
    """Gives the rows of the card."""

    def rows(self, split):
        """One question about each sheet."""
        for number in range(COUNT):
            answer = "yes" if is_damaged(number) else "no"
            yield Question(f"{split}-{number}", sheet(number), "Is this sheet damaged?", (answer,), ("yes", "no"))


SHEETS = VqaCard(
    name="vqa/sheets",
    description="is a sheet of paper damaged?",
    licence="CC0-1.0",
    citation="mmbench, examples/plugin",
    revision="1",
    source=Sheets(),
    closed_answers=True,
)
