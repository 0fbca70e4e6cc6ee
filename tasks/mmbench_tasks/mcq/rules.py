"""How an answer to a question with options, or to an open question among them, is read and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_uppercase

from mmbench.core import Sample
from mmbench.extract import Extractor, extractor_named, normalise
from mmbench.metrics import (
    mathvision_extract,
    mathvision_match,
    mathvista_match,
    mathvista_typed,
    mmmu_choice,
    mmmu_open_match,
)

Judgement = tuple[str | None, bool]
"""What was answered, None where nothing was; and whether it is right."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to judge."""

    description: str
    """What it does and whose it is."""
    judge: Callable[[str, Sample, Extractor], Judgement]
    """Judges what was written for a sample, with the extractor in force."""
    uses_extractor: bool = False
    """Whether the extractor matters."""
    named: bool = True
    """Whether the rule stands in the ids of metrics."""


def options_of(sample: Sample) -> tuple[str, ...]:
    """The texts of a sample's options in the order of their letters; none for an open question."""
    return tuple(sample.meta.get("options", ()))


def _shown(answer: str | None, options: tuple[str, ...]) -> str | None:
    """The letter of an option, or an open answer."""
    return ascii_uppercase[options.index(answer)] if answer in options else answer


def by_extractor(output: str, sample: Sample, extractor: Extractor) -> Judgement:
    """The option that the extractor finds; an open answer is compared in normal form."""
    options = options_of(sample)
    found = extractor.extract(output, options or None)
    if options:
        return _shown(found, options), found == sample.meta["right"]
    answer = extractor_named("final-answer").extract(output, None)
    return answer, answer is not None and any(answer == normalise(each) for each in sample.references)


def _mmmu(output: str, sample: Sample, extractor: Extractor, *, pro: bool = False) -> Judgement:
    del extractor
    options = options_of(sample)
    if not options:
        text = output.strip()
        return text or None, mmmu_open_match(output, sample.references)
    if len(output.strip()) == 1 and output.strip() in ascii_uppercase[: len(options)]:
        found: str | None = options[ascii_uppercase.index(output.strip())]
    else:
        found = mmmu_choice(output, options, pro=pro)
    return _shown(found, options), found == sample.meta["right"]


def _mmmu_pro(output: str, sample: Sample, extractor: Extractor) -> Judgement:
    return _mmmu(output, sample, extractor, pro=True)


def _mathvista(output: str, sample: Sample, extractor: Extractor) -> Judgement:
    options, facts = options_of(sample), sample.meta
    kind = str(facts.get("answer_type") or "text")
    precision = facts.get("precision")
    digits = int(float(str(precision))) if precision not in (None, "", "None") else None
    if options:
        found = extractor.extract(output, options)
        if found is None and len(output.split()) <= _SHORT and output.strip():
            found = mathvista_typed(output, kind, choices=options)
        return _shown(found, options), found == facts["right"]
    reads = "final-answer" if kind in ("list", "text") else "final-number"
    extraction = output.strip() if _is_typed(output, kind) else extractor_named(reads).extract(output, None)
    typed = None if extraction is None else mathvista_typed(extraction, kind, precision=digits)
    return typed, mathvista_match(typed, sample.references)


_SHORT = 12
"""Words of an output that is compared as it is with the options where no option is found in it."""


def _is_typed(output: str, kind: str) -> bool:
    """Whether an output is nothing but a value of its type."""
    if kind in ("integer", "float"):
        try:
            float(output)
        except ValueError:
            return False
        return True
    return output.strip().startswith("[") and output.strip().endswith("]")


def _mathvision(output: str, sample: Sample, extractor: Extractor) -> Judgement:
    del extractor
    answer = mathvision_extract(output)
    options = options_of(sample)
    wanted = [*sample.references, str(sample.meta["right"])] if options else list(sample.references)
    return answer or None, mathvision_match(answer, wanted)


RULES: Mapping[str, Rule] = {
    "extractor": Rule("what the extractor in force finds", by_extractor, uses_extractor=True, named=False),
    "mmmu": Rule(
        "the official parser of MMMU without its random guesses; open answers by its substring and number rule", _mmmu
    ),
    "mmmu-pro": Rule("the official parser of MMMU-Pro without its random guesses", _mmmu_pro),
    "mathvista": Rule(
        "answers found by rules, then brought to the type that the question asks for and compared as the official script does",
        _mathvista,
        uses_extractor=True,
    ),
    "mathvision": Rule("the official script of MathVision, with an evaluator of LaTeX of our own", _mathvision),
}
"""Name to rule."""
