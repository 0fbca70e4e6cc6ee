"""A task of the family `vqa`: one question about an image, and what one answer is worth."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mmbench.core import (
    CardTask,
    Metric,
    Output,
    Part,
    PerSampleTask,
    Prompt,
    Request,
    Response,
    Sample,
    SampleScore,
    UsageError,
    output_for,
)
from mmbench.data import Question
from mmbench.extract import Extractor, extractor_named, normalise
from mmbench.metrics import VQA_VARIANTS
from mmbench_tasks.vqa.card import ANY, VqaCard
from mmbench_tasks.vqa.notes import notes
from mmbench_tasks.vqa.prompts import PROMPTS, rendered, stated
from mmbench_tasks.vqa.variants import VARIANTS

_RIGHT: Mapping[str, float] = {"accuracy": 1.0}
_WRONG: Mapping[str, float] = {"accuracy": 0.0}
_NO_META: Mapping[str, Any] = {}
_GROUP_DIGITS = 16
_REMEMBERED = 4096
"""Texts of prompts that are kept."""


def _known_extractor(name: Any) -> str:
    """The name, if an extractor has it. Raises `UnknownNameError`."""
    return extractor_named(str(name)).name


class VqaTask(CardTask[VqaCard], PerSampleTask):
    """Questions about images.

    Where all answers of a question are right (variant ``any``), an answer is right when it is one of them to the extractor:
    the metric ``accuracy``. Otherwise it is worth what the variant in force says: VQA accuracy in one of its conventions where
    each is what one person said, or the rule of a benchmark (`mmbench_tasks.vqa.variants`). A model that answers by scoring the choices gets the
    expected value over uniformly random choices among the best. Errors cluster by the question's group, by image where
    it has none. Options are ``extractor``, ``prompt`` and ``variant``, by name.
    """

    scoring_options = ("extractor", "variant")
    variants: ClassVar[Sequence[str]] = (ANY, *VARIANTS)
    """The variants that `with_options` takes."""
    prompt: Prompt
    extractor: Extractor

    def __init__(self, card: VqaCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.variant: str = self.option("variant")
        self.columns = ("accuracy",) if self.variant == ANY else (VARIANTS[self.variant].column,)
        self.closed_answers = card.closed_answers
        usual = "exact" if self.variant == ANY or card.closed_answers else "verbatim"
        self.prompt = PROMPTS.find(self.option("prompt"))
        case = "closed" if card.closed_answers else "open"
        self.extractor = extractor_named(self.extractor_name(case, usual))
        if self.extractor.needs_choices and card.open_answers:
            raise UsageError(
                f"extractor {self.extractor.name} looks for one of the choices of a question, and no question of {card.name} "
                "has any; see: mmbench list extractors"
            )
        self._texts: dict[Any, str] = {}
        zeros = dict.fromkeys(self.columns, 0.0)
        self._unparsed = SampleScore(zeros, "unparsed", None, f"extractor {self.extractor.name} finds no answer in it")

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``extractor``, ``prompt`` and ``variant``."""
        return {"extractor": _known_extractor, "prompt": PROMPTS.option, "variant": self.variants}

    @property
    def prompt_text(self) -> str:
        """The prompt in force, with its templates."""
        return stated(self.prompt)

    @property
    def primary(self) -> tuple[str, ...]:
        """The one metric."""
        return (self._metric_name,)

    @property
    def _metric_name(self) -> str:
        return str(self.metrics[0].id)

    @property
    def metrics(self) -> Sequence[Metric]:
        """One: the mean of what the samples' answers are worth."""
        from mmbench.metrics import accuracy

        return [accuracy() if self.variant == ANY else VARIANTS[self.variant].metric()]

    @property
    def notes(self) -> Sequence[str]:
        """What the data lack that the variant in force counts on, a sentence each. Reads the data."""
        remark, doubt = self.card.remark, "" if "variant" in self.options else self.card.doubt
        found = [doubt] if self.variant not in VQA_VARIANTS else notes(self.source.rows("test"), self.variant)
        return tuple(note for note in (*self.differences(), remark, *found) if note)

    def sample(self, row: Question) -> Sample:
        """One question."""
        image, group = row.image, row.group
        if not group and image is not None:
            group = sys.intern(image.digest[:_GROUP_DIGITS])  # shared by all questions about the image
        return Sample(
            id=row.id,
            parts=(row.question,) if image is None else (image, *row.more_images, row.question),
            references=row.answers,
            choices=row.choices,
            group=group,
            slices=row.slices,
            meta={**row.meta, "records": row.records} if row.records else row.meta or _NO_META,
        )

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The image, then the prompt with the question."""
        *media, question = sample.parts
        key = question, sample.choices
        text = self._texts.get(key)  # the same question is put to many images
        if text is None:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            text = self._texts[key] = rendered(self.prompt, str(question), sample.choices)
        return (*media, text)

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`: the image, then the prompt with the question."""
        return [self.asked(sample)]

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        """What the answer is worth; 0 for an output that the extractor finds no answer in.

        VQA accuracy compares an empty output too: what people said may be nothing after its normalisation, "the" or "-".
        """
        output = str(response.output)
        answer = self.extractor.extract(output, sample.choices)
        if answer is not None and sample.choices is None and self.variant != ANY and self.extractor.among is not None:
            given = self.extractor.among(answer, tuple(dict.fromkeys(sample.references)))
            answer = given[0] if len(given) == 1 else answer  # what one of the people said, within a sentence
        if answer is not None:
            return SampleScore(self.choice_values(sample, answer), "scored", answer)
        if self.variant != ANY and sample.choices is None and not output.strip():
            worth = self._worth("", sample)
            return SampleScore({self.columns[0]: worth}, "scored", "") if worth else self._unparsed
        return self._unparsed

    def choice_values(self, sample: Sample, choice: str) -> Mapping[str, float]:
        """What a choice is worth, whatever the extractor would make of it as a text."""
        if self.variant == ANY:
            return _RIGHT if self._is_right(choice, sample) else _WRONG
        return {self.columns[0]: self._worth(choice, sample)}

    def _worth(self, answer: str, sample: Sample) -> float:
        return VARIANTS[self.variant].worth(answer, sample)

    def _is_right(self, answer: str, sample: Sample) -> bool:
        choices, references = sample.choices, sample.references
        if choices is None:  # the extractor normalised the answer already
            return self.extractor.gives(answer, references)
        if answer in references:
            return True
        others = [reference for reference in references if reference not in choices]  # another spelling of a choice
        return bool(others) and normalise(answer) in map(normalise, others)

    def _right_choices(self, sample: Sample) -> list[str]:
        return [choice for choice in sample.choices or () if self._is_right(choice, sample)]

    def _best(self, sample: Sample) -> tuple[float, str]:
        """What the most valuable answer is worth, of the choices or else of what people said, and the first such answer."""
        worth: dict[str, float] = {}
        for answer in sample.choices or sample.references:
            if answer not in worth:
                found = self.extractor.extract(answer, sample.choices)
                worth[answer] = 0.0 if found is None else self._worth(found, sample)
        best = max(worth.values())
        return best, next(answer for answer, value in worth.items() if value == best)

    def solve(self, sample: Sample, request: Request) -> Output:
        """The first right answer, or the most valuable one, as text; for `Choose`, 1 for it and 0 for the other choices."""
        if self.variant == ANY:
            answer = next(iter(self._right_choices(sample)), sample.references[0])
        else:
            answer = self._best(sample)[1]
        return output_for(request, answer)

    def ceiling(self, samples: Sequence[Sample]) -> dict[str, float]:
        """What `solve` gets where that is less than 1 since people disagree; empty for accuracy, where it gets 1."""
        if self.variant == ANY or not samples:
            return {}
        return {self._metric_name: sum(self._best(sample)[0] for sample in samples) / len(samples)}

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Expected value of a uniformly random choice; empty when any sample has no closed set of answers."""
        if not samples or not all(sample.choices for sample in samples):
            return {}
        known: dict[object, float] = {}
        total = 0.0
        for sample in samples:
            choices = sample.choices or ()
            case = (choices, sample.references, sample.meta.get("records"))
            if case not in known:
                worth = sum(value for choice in choices for value in self.choice_values(sample, choice).values())
                known[case] = worth / len(choices)
            total += known[case]
        return {self._metric_name: total / len(samples)}
