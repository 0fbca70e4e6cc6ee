"""A task of the family `sentiment`: how somebody feels about what they say, as a class or as a number from -3 to 3."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from mmbench.core import (
    Choose,
    Generate,
    Metric,
    Request,
    Response,
    Sample,
    ScoreTable,
    TaskInfo,
    UnknownNameError,
    UsageError,
)
from mmbench.core.responses import Output
from mmbench_tasks.answers.extractors import EXTRACTORS, NUMBER_EXTRACTORS, Extractor, number_text
from mmbench_tasks.sentiment.card import LIMIT, SentimentCard, Target, Utterance, UtteranceSource, polarity
from mmbench_tasks.sentiment.prompts import PROMPTS

UNIT = "sample"
"""What a row of the main table is."""
PRIMARY_SCORES = (
    "mae",
    "pearson",
    "acc7",
    "acc2(convention=mmsa,zero=without)",
    "f1(average=weighted,classes=2,convention=mmsa,zero=without)",
)
"""What stands in the main table where numbers are asked for."""
DEFAULT_ZERO_DIVISION = "nan"
_CLASS_EXTRACTORS = {name: extractor for name, extractor in EXTRACTORS.items() if name != "verbatim"}
_WHOLE_NUMBERS = tuple(number_text(float(number)) for number in range(-int(LIMIT), int(LIMIT) + 1))
_GIVEN = "{id}: what was said is not given"


def _extractors(target: Target) -> Mapping[str, Extractor]:
    return NUMBER_EXTRACTORS if target == "score" else _CLASS_EXTRACTORS


class SentimentTask:
    """Utterances and how they were meant, declared by a card and given by a source.

    Asked for a class (option ``target=class``), a model is scored by accuracy and F1 over the classes of the data set, and may
    choose among them. Asked for a score (``target=score``), it writes a number from -3 to 3 and is scored by
    `mmbench.metrics.regression`; it may choose where the card says which numbers there are. An answer that names no class
    or holds no number counts as wrong in every accuracy and F1, and is outside error and correlation, which say so.
    Errors cluster by the utterance's group: the video, or the block.
    """

    def __init__(self, card: SentimentCard, source: UtteranceSource, options: Mapping[str, Any] | None = None) -> None:
        self.card = card
        self.source = source
        self.options = dict(options or {})
        self.target: Target = self.options.get("target", card.targets[0])
        self.prompt = PROMPTS[self.options.get("prompt", card.prompt)]
        usual = self.prompt.extractors[self.target == "score"]
        self.extractor: Extractor = _extractors(self.target)[self.options.get("extractor", usual)]
        self.zero_division = str(self.options.get("zero_division", DEFAULT_ZERO_DIVISION))

    def with_options(self, **options: Any) -> Self:
        """The task with another ``target``, ``prompt``, ``extractor`` or, for classes, ``zero_division``.

        Raises `UsageError` for anything else.
        """
        from mmbench.metrics.classes import ZERO_DIVISIONS

        target = options.get("target", self.target)
        known: dict[str, Collection[str]] = {
            "target": self.card.targets,
            "prompt": PROMPTS,
            "extractor": _extractors(target),
            "zero_division": () if target == "score" else ZERO_DIVISIONS,
        }
        for option, value in options.items():
            if option not in known:
                raise UnknownNameError(
                    f"option of {self.card.name}", option, known, hint=f"There are: {', '.join(known)}."
                )
            if str(value) not in known[option]:
                where = "There" if option in ("target", "prompt") else f"With target={target} there"
                hint = f"{where} are: {', '.join(known[option]) or 'none'}."
                raise UnknownNameError(option, str(value), known[option], hint=hint)
        kept = {name: value for name, value in self.options.items() if target == self.target or name == "prompt"}
        return type(self)(self.card, self.source, {**kept, **{name: str(value) for name, value in options.items()}})

    @property
    def info(self) -> TaskInfo:
        """What the card says, with the prompt, extractor and target in force."""
        card = self.card
        return TaskInfo(
            name=card.name,
            version=card.version,
            description=card.description,
            dataset=card.dataset,
            request_kinds=frozenset({"generate"}),
            primary=PRIMARY_SCORES if self.target == "score" else ("accuracy", self._macro_f1),
            splits=card.splits,
            languages=card.languages,
            modalities=card.modalities,
            prompt=self.prompt.said(self.target),
            extractor=str(self.extractor),
            closed_answers=self._choices is not None,
            options=self.options,
        )

    @property
    def _macro_f1(self) -> str:
        usual = self.zero_division == DEFAULT_ZERO_DIVISION
        return f"f1(average=macro{'' if usual else f',zero_division={self.zero_division}'})"

    @property
    def _choices(self) -> tuple[str, ...] | None:
        return self.card.classes if self.target == "class" else self.card.levels

    @property
    def metrics(self) -> Sequence[Metric]:
        """Accuracy and F1 in three averages; or error, correlation and the accuracies and F1 of both conventions."""
        if self.target == "score":
            from mmbench.metrics import mae, pearson, sentiment_metrics

            return [mae(), pearson(), *sentiment_metrics()]
        from mmbench.metrics import AVERAGES, accuracy, f1

        return [accuracy(), *(f1(average=average, zero_division=self.zero_division) for average in AVERAGES)]

    @property
    def notes(self) -> Sequence[str]:
        """What the labels lack that the metrics count on, a sentence each. Reads the data."""
        rows = self.source.rows("test")
        if self.target == "score":
            values = {row.score for row in rows}
            alike = len(values) == 1 and len(rows) > 1
            return (f"every label is {number_text(values.pop() or 0.0)}: pearson is undefined",) if alike else ()
        counts = Counter(row.label for row in rows)
        absent = [name for name in self.card.classes if name not in counts]
        if len(counts) == 1:
            return (f"every label is {next(iter(counts))!r}: whoever says nothing else gets 1 in every metric",)
        return (f"no label is {' or '.join(map(repr, absent))}",) if absent else ()

    def fingerprint(self) -> str:
        """Digest of the test split's utterances, labels and pictures. Raises `DataError`."""
        return self.source.fingerprint()

    def samples(self, split: str = "test") -> list[Sample]:
        """The utterances of a split, in the order of the source. Raises `DataError`, `UsageError`."""
        if split not in self.card.splits:
            raise UsageError(f"{self.card.name} has no split {split!r}; it has {', '.join(self.card.splits)}")
        return [self._sample(row) for row in self.source.rows(split)]

    def _sample(self, row: Utterance) -> Sample:
        text = _GIVEN.format(id=row.id) if row.text is None else row.text
        return Sample(
            id=row.id,
            parts=(text,) if row.image is None else (row.image, text),
            references=(row.label if self.target == "class" else number_text(row.score or 0.0),),
            choices=self._choices,
            group=row.group,
            slices=row.slices,
        )

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`: the picture, where there is one, then the prompt with what was said."""
        *media, text = sample.parts
        said = self.prompt.render(self.target, str(text), self.card.classes)
        return [
            Generate(parts=(*media, said), max_new_tokens=self.prompt.max_new_tokens, choices=sample.choices),
        ]

    def _extract(self, text: str, choices: tuple[str, ...] | None) -> str | None:
        if self.target == "class" and self.card.numbers_are_signs:
            with contextlib.suppress(ValueError):
                if abs(number := float(text)) <= LIMIT:
                    return polarity(number)
        return self.extractor.extract(text, choices)

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """For classes one table, ``sample``.

        For scores three: ``sample``; ``nonzero``, without the samples whose label is 0; and ``number``, on which error and
        correlation are taken.
        """
        from mmbench.metrics.regression import NONZERO, NUMBER
        from mmbench_tasks.sentiment import scoring

        readings = scoring.read(samples, responses, self._extract, self.extractor.name)
        if self.target == "class":
            columns = scoring.class_columns(samples, readings, self.card.classes)
            return {UNIT: scoring.table_of(UNIT, samples, readings, columns)}
        whole, nonzero, numbers = scoring.score_columns(samples, readings)
        labelled = scoring.table_of(NONZERO, samples, readings, nonzero)
        counted = scoring.table_of(NUMBER, samples, readings, numbers)
        return {
            UNIT: scoring.table_of(UNIT, samples, readings, whole),
            NONZERO: scoring.nonzero_part(labelled, samples),
            NUMBER: replace(counted, incomplete=scoring.incomplete(readings)),
        }

    def solve(self, sample: Sample, request: Request) -> Output:
        """The label as text; for `Choose`, 1 for it and 0 for the other choices."""
        answer = sample.references[0]
        return [float(choice == answer) for choice in request.choices] if isinstance(request, Choose) else answer

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Expected means of uniformly random choices; where any number may be said, of the whole ones from -3 to 3.

        F1 and correlation are no means.
        """
        if not samples:
            return {}
        from mmbench.metrics.evaluate import evaluate

        choices = self._choices or _WHOLE_NUMBERS
        offered = [replace(sample, choices=choices) for sample in samples]
        tables = self.score(offered, [(Response("ok", [0.0] * len(choices)),)] * len(samples))
        values = {
            str(metric.id): evaluate(metric, tables[metric.unit]).value
            for metric in self.metrics
            if metric.is_mean and metric.unit in tables
        }
        return {name: value for name, value in values.items() if value is not None}
