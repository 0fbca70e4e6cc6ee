"""How people feel about what they say: accuracy and F1, or a score; sentiment/scenes, or your own data (--data FILE)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmbench.core import AnswerFiles, CardFamily, DataError, Output, Task
from mmbench.data import Distribution, FileRows, Reading, Rows, card_of_file
from mmbench_tasks.questions import answers_of
from mmbench_tasks.sentiment.card import POLARITIES, SentimentCard
from mmbench_tasks.sentiment.files import read_labelled, read_predictions
from mmbench_tasks.sentiment.task import SentimentTask

_CMU = {
    "mosi": "Zadeh et al. 2016, MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity Analysis in Online Opinion Videos",
    "mosei": "Zadeh et al. 2018, Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph",
}


class SentimentFamily(CardFamily[SentimentCard], AnswerFiles):
    """How people feel about what they say."""

    name = "sentiment"
    default = "sentiment/scenes"
    card_type = SentimentCard
    task_type = SentimentTask
    needs = (
        "sentiment needs a file of references beside the predictions: 'id' and 'label' in JSON Lines or CSV, or a pickle of "
        "CMU-MOSI or CMU-MOSEI"
    )

    def from_data(self, name: str, path: Path, reading: Reading | None = None) -> SentimentTask:
        """The task ``sentiment/NAME`` over a file: utterances with labels (`mmbench_tasks.sentiment.files`), or a pickle.

        A pickle is in the layout of CMU-MOSI and CMU-MOSEI (`mmbench_tasks.sentiment.pickled`), of which what was said is
        asked about. Raises `DataError`, also for one that holds features alone.
        """
        task = _task(name, path, asked=True, reading=reading)
        if any(row.text is None for row in task.source.rows("test")):
            raise DataError(
                f"{path} holds features and no raw_text, so there is nothing to ask about; to score predictions: "
                f"mmbench score --task {self.name} --references {path} --predictions FILE"
            )
        return task

    def read_answers(self, path: Path) -> Mapping[str, str]:
        """Utterance id to prediction; see `mmbench_tasks.sentiment.files.read_predictions`."""
        return read_predictions(path)

    def outputs_of(self, path: Path, task: Task) -> Mapping[str, Sequence[Output]]:
        """Utterance id to prediction; for a card in any format of its peers."""
        card = getattr(task, "card", None)
        return (
            answers_of(path, task)
            if isinstance(getattr(card, "source", None), Distribution)
            else super().outputs_of(path, task)
        )

    def from_references(self, path: Path) -> SentimentTask:
        """The task over a file of labels, or over the split ``test`` of a pickle as in `from_data`."""
        return _task(path.stem, path, asked=False)


def _task(name: str, path: Path, *, asked: bool, reading: Reading | None = None) -> SentimentTask:
    """The task ``sentiment/NAME`` over a file."""
    from mmbench_tasks.sentiment.pickled import SUFFIXES, read_utterances

    if path.suffix.lower() in SUFFIXES:
        if not path.exists():
            raise DataError(f"there is no file {path}")
        source: Rows | FileRows = Rows(read_utterances(path))
        classes: tuple[str, ...] = POLARITIES
        scored = True
    else:
        found = read_labelled(path, asked=asked, reading=reading)
        source = found.source if asked else Rows({"test": found.rows})
        path = found.source.table.path
        classes, scored = found.classes, found.scored
    card = card_of_file(
        SentimentCard,
        f"sentiment/{name}",
        path,
        source,
        description=f"utterances from {path.name}, labelled {'from -3 to 3' if scored else 'with classes'}",
        citation=_CMU.get(_corpus(path), path.name),
        classes=classes,
        targets=("score", "class") if scored else ("class",),
        numbers_are_signs=scored and not asked,
    )
    return SentimentTask(card)


def _corpus(path: Path) -> str:
    """``mosi`` or ``mosei`` where the name of the file says so, else nothing."""
    return next((name for name in ("mosei", "mosi") if name in path.name.casefold()), "")


family = SentimentFamily()
