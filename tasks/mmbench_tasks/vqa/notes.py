"""What must be known beside a value of VQA accuracy, where the data are not what its formula was made for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmbench.data import Question
from mmbench.metrics import EXACT, NORMALISED, OFFICIAL
from mmbench_tasks.vqa.card import ANNOTATORS, ANY


def notes(rows: Iterable[Question], variant: str) -> list[str]:
    """A sentence for each thing that the questions lack and the variant counts on; none where they lack nothing."""
    total = few = fewest = alike = 0
    for row in rows:
        people = len(row.answers)
        total += 1
        if people < ANNOTATORS:
            few += 1
            fewest = min(fewest or people, people)
        alike += bool(row.records)
    found = []
    if few:
        found.append(
            f"{few:,} of {total:,} questions have fewer than {ANNOTATORS} answers, as few as {fewest}. "
            f"{_limit(fewest, variant)}"
        )
    if alike and variant == OFFICIAL:
        found.append(
            f"{alike:,} of {total:,} questions have answers without ids of their own (answer_id). The official script then "
            "takes people whose answer and confidence are equal for one person and leaves them out together, so that an "
            f"answer on which all agree scores 0; variant={NORMALISED} counts every person"
        )
    return found


def remark_on_choices(rows: Sequence[Question]) -> str:
    """A sentence on questions whose choices are not all different; empty where there are none."""
    twice = [row for row in rows if row.choices is not None and len(set(row.choices)) < len(row.choices)]
    if not twice:
        return ""
    about = sum(any(row.choices.count(answer) > 1 for answer in row.answers) for row in twice if row.choices)
    return (
        f"{len(twice):,} of {len(rows):,} questions have a choice that stands there twice, of {about:,} it is the answer; "
        "such choices count as one, wherever they stand"
    )


def _limit(people: int, variant: str) -> str:
    """What the formula makes of the best answer among those of so few people."""
    if people == 1 and variant == EXACT:
        return "Of one answer, exact is plain equality"
    if people > 3:
        return "An answer of four people is still worth 1, one of fewer people less than among ten"
    best = {1: "0", 2: "1/3", 3: "2/3"}[people]
    return (
        "Each person is left out in turn and three others must agree for a full score, so the best answer among "
        f"{people} is worth {best}; variant={ANY} takes any of the answers as right"
    )
