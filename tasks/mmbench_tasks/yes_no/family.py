"""Questions that are answered yes or no: accuracy, F1 and how often yes is said; your own data (--data FILE), or a card."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmbench.core import AnswerFiles, CardFamily, Output, Task
from mmbench.data import (
    Fields,
    FileRows,
    Reading,
    Rows,
    card_of_file,
    questions_of,
    read_dataset,
    read_questions,
)
from mmbench_tasks.questions import answers_of
from mmbench_tasks.yes_no.card import YesNoCard
from mmbench_tasks.yes_no.mme_files import read_folder
from mmbench_tasks.yes_no.task import YesNoTask


class YesNoFamily(CardFamily[YesNoCard], AnswerFiles):
    """Questions that are answered yes or no."""

    name = "yes-no"
    default = None
    folders = ("predictions",)
    card_type = YesNoCard
    task_type = YesNoTask
    needs = (
        "yes-no needs a file of references beside the answers: questions with the answer yes or no; or name a card, such as "
        "yes-no/pope, with --references"
    )

    def from_data(self, name: str, path: Path, reading: Reading | None = None) -> YesNoTask:
        """The task ``yes-no/NAME`` over the questions in a file or folder; see `mmbench.data.questions_of`. Raises `DataError`."""
        source = read_dataset(path, "questions", questions_of, reading)
        return _over(name, source.table.path, source)

    def from_references(self, path: Path) -> YesNoTask:
        """The task over a file of questions, of which no image is looked for."""
        return _over(path.stem, path, Rows({"test": read_questions(path, pictures=False)}))

    def outputs_of(self, path: Path, task: Task) -> Mapping[str, Sequence[Output]]:
        """Sample id to answer: a text, or the scores of yes and no where the file has the probability of yes (``proba``)."""
        if path.is_dir() or path.suffix == ".txt":
            return _of_mme(path)
        return {name: (_scores(answer),) for name, (answer,) in answers_of(path, task, _FIELDS).items()}


_FIELDS = Fields(prediction="proba")
"""Where the official result file of Hateful Memes has the probability of yes."""


def _scores(answer: Output) -> Output:
    """Log-probabilities of yes and no for a number between 0 and 1 with a point; other answers as they are."""
    text = answer.strip() if isinstance(answer, str) else ""
    if not _PROBABILITY.fullmatch(text):
        return answer
    share = float(text)
    return [math.log(each) if each > 0 else -math.inf for each in (share, 1 - share)]


_PROBABILITY = re.compile(r"0?\.\d+(?:[eE]-?\d+)?|1\.0+|0\.0*|\d(?:\.\d+)?[eE]-\d+")


def _of_mme(path: Path) -> Mapping[str, Sequence[Output]]:
    """The responses in ``TASK.txt``, or in a folder of these."""
    seen: Counter[str] = Counter()
    found: dict[str, Sequence[Output]] = {}
    for record in read_folder(path, "test"):
        name = str(record.fields["question_id"])
        seen[name] += 1
        if not record.has("response") and "response" not in record.fields:
            raise record.error("it has no response behind image, question and answer")
        found[f"{name}/{seen[name]}"] = (str(record.fields["response"]),)
    return found


def _over(name: str, path: Path, source: FileRows | Rows) -> YesNoTask:
    described = f"questions of yes and no from {path.name}"
    return YesNoTask(card_of_file(YesNoCard, f"yes-no/{name}", path, source, description=described))


family = YesNoFamily()
