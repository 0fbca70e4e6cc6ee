"""A task of the family `sentiment`: how somebody feels about what they say, as a class or as a number from -3 to 3."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from mmbench.core import ONES, CardTask, Metric, Part, Prompt, Request, Response, Sample, ScoreTable
from mmbench.extract import Extractor, extractor_named, number_text
from mmbench_tasks.sentiment import scoring
from mmbench_tasks.sentiment.card import LIMIT, SentimentCard, Target, Utterance, polarity
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
_WHOLE_NUMBERS = tuple(number_text(float(number)) for number in range(-int(LIMIT), int(LIMIT) + 1))
_GIVEN = "{id}: what was said is not given"


def _extractor(name: Any, target: Target) -> Extractor:
    """The extractor of a class or a number. Raises `UnknownNameError`."""
    return extractor_named(str(name), reads="number" if target == "score" else "text")


class SentimentTask(CardTask[SentimentCard]):
    """Utterances and how they were meant.

    Asked for a class (option ``target=class``), a model is scored by accuracy and F1 over the classes of the dataset, and may
    choose among them. Asked for a score (``target=score``), it writes a number from -3 to 3 and is scored by
    `mmbench.metrics.regression`; it may choose where the card says which numbers there are. An answer that names no class
    or holds no number counts as wrong in every accuracy and F1, and is outside error and correlation, which say so.
    Errors cluster by the utterance's group: the video, or the block.

    Other options: ``prompt`` and ``extractor``, by name, and for classes ``zero_division``.
    """

    scoring_options = ("extractor", "zero_division")
    prompt: Prompt
    extractor: Extractor

    def __init__(self, card: SentimentCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.target: Target = self.options.get("target", card.targets[0])
        self.prompt = PROMPTS.find(self.option("prompt"))
        usual = "number" if self.target == "score" else "exact"
        self.extractor = _extractor(self.extractor_name(self.target, usual), self.target)
        self.zero_division: str = self.options.get("zero_division", DEFAULT_ZERO_DIVISION)
        self.choices = card.classes if self.target == "class" else card.levels
        self.closed_answers = self.choices is not None

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``target``, ``prompt``, ``extractor`` and, for classes, ``zero_division``."""
        from mmbench.metrics import ZERO_DIVISIONS

        target = given.get("target", self.target)
        known = {
            "target": self.card.targets,
            "prompt": PROMPTS.option,
            "extractor": lambda name: _extractor(name, target).name,
        }
        return known if target == "score" else {**known, "zero_division": ZERO_DIVISIONS}

    def with_options(self, **options: Any) -> Self:
        """The task with these options set as well; another target forgets what was chosen for the one before."""
        kept = self.options
        if options.get("target", self.target) != self.target:
            kept = {name: value for name, value in kept.items() if name in ("prompt", "size")}
        return super(SentimentTask, type(self)(self.card, kept)).with_options(**options)

    @property
    def primary(self) -> tuple[str, ...]:
        """Accuracy and macro F1 of classes, or what the field reports of scores."""
        if self.target == "score":
            return PRIMARY_SCORES
        return self.card.metrics or ("accuracy", self._macro_f1)

    @property
    def prompt_text(self) -> str:
        """The prompt in force, with the template for the target."""
        return self.prompt.stated(repr(self.prompt.template(self.target)))

    @property
    def _macro_f1(self) -> str:
        usual = self.zero_division == DEFAULT_ZERO_DIVISION
        return f"f1(average=macro{'' if usual else f',zero_division={self.zero_division}'})"

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
        rows: list[Utterance] = list(self.source.rows("test"))
        if self.target == "score":
            values = {row.score for row in rows}
            alike = len(values) == 1 and len(rows) > 1
            doubt = (f"every label is {number_text(values.pop() or 0.0)}: pearson is undefined",) if alike else ()
            return (*self.differences(), *doubt)
        counts = Counter(row.label for row in rows)
        absent = [name for name in self.card.classes if name not in counts]
        if len(counts) == 1:
            alone = f"every label is {next(iter(counts))!r}: whoever says nothing else gets 1 in every metric"
            return (*self.differences(), alone)
        return (*self.differences(), *((f"no label is {' or '.join(map(repr, absent))}",) if absent else ()))

    def sample(self, row: Utterance) -> Sample:
        """One utterance; a line of text stands for what was said where that is not there."""
        text = _GIVEN.format(id=row.id) if row.text is None else row.text
        return Sample(
            id=row.id,
            parts=(text,) if row.image is None else (row.image, text),
            references=(row.label if self.target == "class" else number_text(row.score or 0.0),),
            choices=self.choices,
            group=row.group,
            slices=row.slices,
        )

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`: the image, where there is one, then the prompt with what was said."""
        return [self.asked(sample)]

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The image, where there is one, then the prompt with what was said."""
        *media, text = sample.parts
        return (*media, self.prompt.render(self.target, text=str(text), classes=", ".join(self.card.classes)))

    def _extract(self, text: str, choices: tuple[str, ...] | None) -> str | None:
        if self.target == "class" and self.card.numbers_are_signs:
            with contextlib.suppress(ValueError):
                if abs(number := float(text)) <= LIMIT:
                    return polarity(number)
        return self.extractor.extract(text, choices if self.target == "class" else None)

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """For classes one table, ``sample``.

        For scores three: ``sample``; ``nonzero``, without the samples whose label is 0; and ``number``, on which error and
        correlation are taken.
        """
        from mmbench.metrics import NONZERO, NUMBER

        readings = scoring.read(samples, responses, self._extract, self.extractor.name)
        if self.target == "class":
            return {UNIT: readings.table(UNIT, samples, scoring.class_columns(samples, readings, self.card.classes))}
        whole, nonzero, numbers = scoring.score_columns(samples, readings)
        counted = readings.table(NUMBER, samples, numbers)
        return {
            UNIT: readings.table(UNIT, samples, whole),
            NONZERO: scoring.nonzero_part(readings.table(NONZERO, samples, nonzero), samples),
            NUMBER: replace(counted, incomplete=scoring.incomplete(readings)),
        }

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Expected means of uniformly random choices; where any number may be said, of the whole ones from -3 to 3.

        F1 and correlation are no means.
        """
        if not samples:
            return {}
        choices = self.choices or _WHOLE_NUMBERS
        offered = [replace(sample, choices=choices) for sample in samples]
        tables = self.score(offered, [(Response("ok", [0.0] * len(choices)),)] * len(samples))
        found: dict[str, float] = {}
        for metric in self.metrics:
            if metric.is_mean and metric.unit in tables:
                table = {ONES: [1.0] * len(tables[metric.unit].unit_ids), **tables[metric.unit].columns}
                total, count = (math.fsum(table[name]) for name in metric.columns)
                found |= {str(metric.id): total / count} if count else {}
        return found
