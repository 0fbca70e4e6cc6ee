"""What an answer is worth where a dataset has a rule of its own: VQA accuracy, edit similarity, tolerance, substrings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mmbench.core import Metric, Sample
from mmbench.metrics import (
    VQA_VARIANTS,
    anls,
    anls_metric,
    direct_answer_score,
    direct_answers,
    gqa_match,
    ocrbench_match,
    realworldqa_match,
    relaxed_accuracy,
    relaxed_match,
    rule_accuracy,
    vqa_accuracy,
    vqa_metric,
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One rule."""

    column: str
    """The column of the table of samples."""
    metric: Callable[[], Metric]
    """Makes the metric, whose id names the rule."""
    worth: Callable[[str, Sample], float]
    """What an answer is worth, from 0 to 1."""


def _people(name: str) -> Variant:
    """VQA accuracy in one of its variants."""

    def worth(answer: str, sample: Sample) -> float:
        return vqa_accuracy(answer, sample.references, name, records=sample.meta.get("records"))

    return Variant("vqa_accuracy", lambda: vqa_metric(variant=name), worth)


def _rule(name: str, match: Callable[[str, Sample], bool]) -> Variant:
    return Variant("accuracy", lambda: rule_accuracy(rule=name), lambda answer, sample: float(match(answer, sample)))


VARIANTS: Mapping[str, Variant] = {
    **{name: _people(name) for name in VQA_VARIANTS},
    "anls": Variant(
        "anls", lambda: anls_metric(threshold="0.5"), lambda answer, sample: anls(answer, sample.references)
    ),
    "relaxed": Variant(
        "relaxed_accuracy",
        lambda: relaxed_accuracy(tolerance="0.05"),
        lambda answer, sample: float(relaxed_match(answer.strip(), sample.references)),
    ),
    "direct-answers": Variant(
        "direct_answer", direct_answers, lambda answer, sample: direct_answer_score(answer, sample.references)
    ),
    "gqa": _rule("gqa", lambda answer, sample: gqa_match(answer, sample.references)),
    "realworldqa": _rule("realworldqa", lambda answer, sample: realworldqa_match(answer, sample.references)),
    "ocrbench": _rule(
        "ocrbench",
        lambda answer, sample: ocrbench_match(answer, sample.references, part=str(sample.meta.get("part", ""))),
    ),
}
"""Name to rule; `mmbench_tasks.vqa.card.ANY` is none of them: there the extractor compares."""
