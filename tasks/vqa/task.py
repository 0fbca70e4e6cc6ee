"""A task of the family `vqa`: one question about a picture, one answer, right or wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from mmbench.core import (
    Choose,
    Generate,
    Metric,
    PerSampleTask,
    Request,
    Response,
    Sample,
    SampleScore,
    TaskInfo,
    UnknownNameError,
    UsageError,
)
from mmbench.core.responses import Output
from mmbench.tasks.vqa.card import QuestionSource, VqaCard
from mmbench.tasks.vqa.extractors import EXTRACTORS
from mmbench.tasks.vqa.prompts import PROMPTS

_RIGHT: Mapping[str, float] = {"accuracy": 1.0}
_WRONG: Mapping[str, float] = {"accuracy": 0.0}
_NO_META: Mapping[str, Any] = {}
_GROUP_DIGITS = 16


class VqaTask(PerSampleTask):
    """Questions about pictures, declared by a card and given by a source.

    An answer is right when it equals any reference after normalisation by the extractor. A model that answers by
    scoring the choices gets the expected accuracy over uniformly random choices among the best. Errors cluster by
    the question's group, by picture where it has none.
    """

    columns = ("accuracy",)

    def __init__(self, card: VqaCard, source: QuestionSource, options: Mapping[str, Any] | None = None) -> None:
        self.card = card
        self.source = source
        self.options = dict(options or {})
        self.prompt = PROMPTS[self.options.get("prompt", card.prompt)]
        self.extractor = EXTRACTORS[self.options.get("extractor", card.extractor)]
        self._unparsed = SampleScore(_WRONG, "unparsed", None, f"extractor {self.extractor.name} finds no answer in it")

    def with_options(self, **options: Any) -> Self:
        """The task with another ``extractor`` or ``prompt``, by name. Raises `UsageError` for anything else."""
        known: dict[str, Mapping[str, object]] = {"extractor": EXTRACTORS, "prompt": PROMPTS}
        for option, value in options.items():
            if option not in known:
                raise UnknownNameError(f"option of {self.card.name}", option, known)
            if not isinstance(value, str) or value not in known[option]:
                names = ", ".join(known[option])
                raise UnknownNameError(option, str(value), known[option], hint=f"There are: {names}.")
        return type(self)(self.card, self.source, {**self.options, **options})

    @property
    def info(self) -> TaskInfo:
        """What the card says, with the prompt and extractor in force."""
        card = self.card
        return TaskInfo(
            name=card.name,
            version=card.version,
            description=card.description,
            dataset=card.dataset,
            request_kinds=frozenset({"generate"}),
            primary=("accuracy",),
            splits=card.splits,
            languages=card.languages,
            prompt=str(self.prompt),
            extractor=str(self.extractor),
            closed_answers=card.closed_answers,
            options=self.options,
        )

    @property
    def metrics(self) -> Sequence[Metric]:
        """Accuracy: the mean of the samples' scores."""
        from mmbench.metrics.formulas import mean_metric

        return [mean_metric("accuracy", "sample", "accuracy")]

    def fingerprint(self) -> str:
        """Digest of the test split's questions, answers and pictures. Raises `DataError`."""
        return self.source.fingerprint()

    def samples(self, split: str = "test") -> list[Sample]:
        """The questions of a split, in the order of the source. Raises `DataError`, `UsageError`."""
        if split not in self.card.splits:
            raise UsageError(f"{self.card.name} has no split {split!r}; it has {', '.join(self.card.splits)}")
        groups: dict[str, str] = {}
        samples = []
        for row in self.source.rows(split):
            image = row.image
            group: str | None = row.group
            if not group and image is not None:
                group = groups.get(image.digest)
                if group is None:
                    group = groups[image.digest] = image.digest[:_GROUP_DIGITS]
            samples.append(
                Sample(
                    id=row.id,
                    parts=(row.question,) if image is None else (image, row.question),
                    references=row.answers,
                    choices=row.choices,
                    group=group or "",
                    slices=row.slices,
                    meta=_NO_META,
                )
            )
        return samples

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`: the picture, then the prompt with the question."""
        *media, question = sample.parts
        text = self.prompt.render(str(question), sample.choices)
        return [
            Generate(parts=(*media, text), max_new_tokens=self.prompt.max_new_tokens, choices=sample.choices),
        ]

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        """1 for a right answer, 0 for a wrong one and for an output that the extractor finds no answer in."""
        answer = self.extractor.extract(str(response.output), sample.choices)
        if answer is None:
            return self._unparsed
        return SampleScore(_RIGHT if self._is_right(answer, sample) else _WRONG, "scored", answer)

    def choice_values(self, sample: Sample, choice: str) -> Mapping[str, float]:
        """1 for a right choice, 0 for a wrong one, whatever the extractor would make of it as a text."""
        return _RIGHT if self._is_right(choice, sample) else _WRONG

    def _is_right(self, answer: str, sample: Sample) -> bool:
        if sample.choices is None:  # the extractor normalised the answer already
            return any(answer == self.extractor.normalise(reference) for reference in sample.references)
        if answer in sample.references:
            return True
        form = self.extractor.normalise(answer)
        return any(form == self.extractor.normalise(reference) for reference in sample.references)

    def _right_choices(self, sample: Sample) -> list[str]:
        return [choice for choice in sample.choices or () if self._is_right(choice, sample)]

    def solve(self, sample: Sample, request: Request) -> Output:
        """The first right answer, as text; for a `Choose` request, 1 for that choice and 0 for the others."""
        answer = next(iter(self._right_choices(sample)), sample.references[0])
        if isinstance(request, Choose):
            return [float(choice == answer) for choice in request.choices]
        return answer

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Expected accuracy of a uniformly random choice; empty when any sample has no closed set of answers."""
        known: dict[tuple[tuple[str, ...], tuple[str, ...]], float] = {}
        total = 0.0
        for sample in samples:
            if not sample.choices:
                return {}
            case = (sample.choices, sample.references)
            if case not in known:
                known[case] = len(self._right_choices(sample)) / len(sample.choices)
            total += known[case]
        return {"accuracy": total / len(samples)} if samples else {}
