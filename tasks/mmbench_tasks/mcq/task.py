"""A task of the family `mcq`: a question with lettered options, which may be shuffled and rotated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from string import ascii_uppercase
from typing import Any

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
    ScoreTable,
    UsageError,
    derive_seed,
    output_for,
)
from mmbench.data import Question
from mmbench.extract import Extractor, extractor_named
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.mcq.prompts import PROMPTS, rendered
from mmbench_tasks.mcq.rules import RULES, Rule, options_of
from mmbench_tasks.questions import cluster_of, interleaved

PROTOCOLS = ("circular", "vanilla")
"""What counts where rows are rotations of questions: a question all of whose rotations are right; the first rotation alone."""
_UNIT = "question"


def _extractor(name: Any) -> str:
    return extractor_named(str(name), reads="text").name


def _seed(value: Any) -> int | None:
    """A seed, or None for ``none``. Raises `UsageError`."""
    if value in (None, "none", ""):
        return None
    try:
        return int(str(value))
    except ValueError:
        raise UsageError(f"shuffle={value}: expected a seed, a whole number, or none") from None


class McqTask(CardTask[McqCard], PerSampleTask):
    """Questions with lettered options.

    An answer may be the letter of an option or its text; what is right is the text, so that equal options are equally right.
    Options stand in the order of the dataset unless ``shuffle`` gives a seed. A model that scores choices scores the letters. Errors
    cluster by the question's group, by image where it has none.

    Options: ``prompt``, ``extractor``, ``rule``, ``shuffle`` and, where rows are rotations of questions, ``protocol``.
    """

    columns = ("accuracy",)
    scoring_options = ("extractor", "rule")
    prompt: Prompt
    extractor: Extractor

    def __init__(self, card: McqCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.prompt = PROMPTS.find(self.option("prompt"))
        self.extractor = extractor_named(self.extractor_name("options", "option"))
        self.closed_answers = not card.open_questions
        self.rule: Rule = RULES[self.option("rule")]
        self.shuffle: int | None = self.options.get("shuffle")
        self.protocol: str = self.options.get("protocol", PROTOCOLS[0] if card.circular else PROTOCOLS[1])

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``prompt``, ``extractor``, ``rule``, ``shuffle``, and ``protocol`` where rows are rotations."""
        known = {"prompt": PROMPTS.option, "extractor": _extractor, "rule": tuple(RULES), "shuffle": _seed}
        return {**known, "protocol": PROTOCOLS} if self.card.circular else known

    @property
    def prompt_text(self) -> str:
        """The prompt in force, with its templates."""
        both = [self.prompt.templates.get(case) or self.prompt.templates.get("") for case in ("options", "open")]
        return self.prompt.stated(f"{both[0]!r}, or without options {both[1]!r}")

    @property
    def primary(self) -> tuple[str, ...]:
        """Accuracy, by the rule that its id names; of rotations the circular one."""
        return tuple(str(metric.id) for metric in self.metrics[:1])

    @property
    def metrics(self) -> Sequence[Metric]:
        """The accuracy of rows; before it that of questions where rows are their rotations."""
        from mmbench.metrics import accuracy, circular_accuracy, rule_accuracy

        name = self.option("rule")
        by = {"rule": name if self.rule.named else self.extractor.name}
        if self.card.judged:
            plain = rule_accuracy(extraction="rules", **by)
        else:
            plain = rule_accuracy(**by) if self.rule.named else accuracy()
        if self.protocol == PROTOCOLS[0]:
            return [circular_accuracy(extraction="rules"), plain]
        return [plain]

    def samples(self, split: str = "test") -> list[Sample]:
        """The questions of a split; under the protocol ``vanilla`` only the first rotation of each."""
        samples = super().samples(split)
        if not self.card.circular or self.protocol == PROTOCOLS[0]:
            return samples
        return [sample for sample in samples if sample.meta.get("first") == "true"]

    def sample(self, row: Question) -> Sample:
        """One question."""
        options = row.choices or ()
        if len(options) > len(ascii_uppercase):
            raise UsageError(f"{row.id}: {len(options)} options, more than there are letters")
        if self.shuffle is not None and options:
            order = list(options)
            Random(derive_seed(self.card.name, "options", self.shuffle, row.id)).shuffle(order)
            options = tuple(order)
        facts = {**row.meta, "question": row.question}
        if not options:
            return Sample(
                row.id, (*row.images, row.question), row.answers, group=cluster_of(row), slices=row.slices, meta=facts
            )
        right = next((answer for answer in row.answers if answer in options), "")
        if not right:
            raise UsageError(f"{self.card.name}, {row.id}: its answer is none of its options")
        letters = tuple(ascii_uppercase[: len(options)])
        return Sample(
            id=row.id,
            parts=(*row.images, row.question),
            references=(letters[options.index(right)],),
            choices=letters,
            group=str(row.meta.get("circle", "")) if self.card.circular else cluster_of(row),
            slices=row.slices,
            meta={**facts, "options": options, "right": right},
        )

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The images and the prompt with question and options, images where the text marks their place."""
        *images, question = sample.parts
        hint = str(sample.meta.get("hint") or "")
        text = rendered(self.prompt, str(question), options_of(sample), hint, listed=self.card.listed)
        return interleaved(text, images)  # type: ignore[arg-type]

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`."""
        return [self.asked(sample)]

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        """1 for a right answer, 0 for a wrong one and for an output in which none is found."""
        answer, right = self.rule.judge(str(response.output), sample, self.extractor)
        if answer is None:
            why = f"no option found by {self.option('rule') if self.rule.named else self.extractor.name}"
            return SampleScore({"accuracy": 0.0}, "unparsed", None, why)
        return SampleScore({"accuracy": float(right)}, answer=answer)

    def choice_values(self, sample: Sample, choice: str) -> Mapping[str, float]:
        """1 for the letter of an option with the right text."""
        options = options_of(sample)
        return {"accuracy": float(options[ascii_uppercase.index(choice)] == sample.meta["right"])}

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """The table of rows and, where rows are rotations, that of questions."""
        tables = super().score(samples, responses)
        if self.protocol == PROTOCOLS[0]:
            from mmbench.metrics import group_table

            circles = [str(sample.meta.get("circle", sample.id)) for sample in samples]
            tables[_UNIT] = group_table(tables["sample"], circles, unit=_UNIT)
        return tables

    def solve(self, sample: Sample, request: Request) -> Output:
        """The letter of the right option, or the first reference."""
        return output_for(request, sample.references[0])

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Accuracy of a uniformly random option; empty where a question is open."""
        if not samples or not all(sample.choices for sample in samples):
            return {}
        shares = [options_of(sample).count(sample.meta["right"]) / len(options_of(sample)) for sample in samples]
        return {str(self.metrics[-1].id): sum(shares) / len(shares)}
