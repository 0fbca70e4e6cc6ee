"""A task of the family `vqa`: one question about a picture, and what one answer is worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Self

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
from mmbench.metrics.vqa import VQA_VARIANTS, vqa_accuracy
from mmbench_tasks.answers.extractors import EXTRACTORS
from mmbench_tasks.vqa.card import ANY, QuestionSource, VqaCard
from mmbench_tasks.vqa.prompts import PROMPTS

_RIGHT: Mapping[str, float] = {"accuracy": 1.0}
_WRONG: Mapping[str, float] = {"accuracy": 0.0}
_NO_META: Mapping[str, Any] = {}
_GROUP_DIGITS = 16


class VqaTask(PerSampleTask):
    """Questions about pictures, declared by a card and given by a source.

    Where all answers of a question are right (variant ``any``), an answer is right when it equals one of them after
    normalisation by the extractor: the metric ``accuracy``. Where each is what one person said, it is worth what
    `mmbench.metrics.vqa_accuracy` says in the variant in force. A model that answers by scoring the choices gets the
    expected value over uniformly random choices among the best. Errors cluster by the question's group, by picture where
    it has none.
    """

    variants: ClassVar[Sequence[str]] = (ANY, *VQA_VARIANTS)
    """The variants that `with_options` takes."""

    def __init__(self, card: VqaCard, source: QuestionSource, options: Mapping[str, Any] | None = None) -> None:
        self.card = card
        self.source = source
        self.options = dict(options or {})
        self.variant: str = self.options.get("variant", card.variant)
        self.columns = ("accuracy",) if self.variant == ANY else ("vqa_accuracy",)
        usual = "exact" if self.variant == ANY or card.closed_answers else "verbatim"
        self.prompt = PROMPTS[self.options.get("prompt", card.prompt)]
        self.extractor = EXTRACTORS[self.options.get("extractor", card.extractor or usual)]
        zeros = dict.fromkeys(self.columns, 0.0)
        self._unparsed = SampleScore(zeros, "unparsed", None, f"extractor {self.extractor.name} finds no answer in it")

    def with_options(self, **options: Any) -> Self:
        """The task with another ``extractor``, ``prompt`` or ``variant``, by name. Raises `UsageError` for anything else."""
        known: dict[str, Collection[str]] = {"extractor": EXTRACTORS, "prompt": PROMPTS, "variant": self.variants}
        for option, value in options.items():
            if option not in known:
                hint = f"There are: {', '.join(known)}."
                raise UnknownNameError(f"option of {self.card.name}", option, known, hint=hint)
            if not isinstance(value, str) or value not in known[option]:
                names = ", ".join(known[option])
                raise UnknownNameError(option, str(value), known[option], hint=f"There are: {names}.")
        return type(self)(self.card, self.source, {**self.options, **options})

    @property
    def info(self) -> TaskInfo:
        """What the card says, with the prompt, extractor and variant in force."""
        card = self.card
        return TaskInfo(
            name=card.name,
            version=card.version,
            description=card.description,
            dataset=card.dataset,
            request_kinds=frozenset({"generate"}),
            primary=(self._metric_name,),
            splits=card.splits,
            languages=card.languages,
            prompt=str(self.prompt),
            extractor=str(self.extractor),
            closed_answers=card.closed_answers,
            options=self.options,
        )

    @property
    def _metric_name(self) -> str:
        return "accuracy" if self.variant == ANY else f"vqa_accuracy(variant={self.variant})"

    @property
    def metrics(self) -> Sequence[Metric]:
        """One: the mean of what the samples' answers are worth."""
        from mmbench.metrics import accuracy, vqa_metric

        return [accuracy() if self.variant == ANY else vqa_metric(variant=self.variant)]

    @property
    def notes(self) -> Sequence[str]:
        """What the data lack that the variant in force counts on, a sentence each. Reads the data."""
        from mmbench_tasks.vqa.notes import notes

        if self.variant == ANY:
            return (self.card.doubt,) if self.card.doubt and "variant" not in self.options else ()
        return notes(self.source.rows("test"), self.variant)

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
                    meta={"records": row.records} if row.records else _NO_META,
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
        """What the answer is worth; 0 for an output that the extractor finds no answer in.

        VQA accuracy compares an empty output too: what people said may be nothing after its normalisation, "the" or "-".
        """
        output = str(response.output)
        answer = self.extractor.extract(output, sample.choices)
        if answer is not None:
            return SampleScore(self.choice_values(sample, answer), "scored", answer)
        if self.variant != ANY and sample.choices is None and not output.strip():
            worth = self._worth("", sample)
            return SampleScore({"vqa_accuracy": worth}, "scored", "") if worth else self._unparsed
        return self._unparsed

    def choice_values(self, sample: Sample, choice: str) -> Mapping[str, float]:
        """What a choice is worth, whatever the extractor would make of it as a text."""
        if self.variant == ANY:
            return _RIGHT if self._is_right(choice, sample) else _WRONG
        return {"vqa_accuracy": self._worth(choice, sample)}

    def _worth(self, answer: str, sample: Sample) -> float:
        return vqa_accuracy(answer, sample.references, self.variant, records=sample.meta.get("records"))

    def _is_right(self, answer: str, sample: Sample) -> bool:
        if sample.choices is None:  # the extractor normalised the answer already
            return any(answer == self.extractor.normalise(reference) for reference in sample.references)
        if answer in sample.references:
            return True
        form = self.extractor.normalise(answer)
        return any(form == self.extractor.normalise(reference) for reference in sample.references)

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
        if isinstance(request, Choose):
            return [float(choice == answer) for choice in request.choices]
        return answer

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
