"""What differs in how two runs were asked and scored, as facts: these cannot be rescored, so they have no points of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmbench.analysis.joins import shown
from mmbench.comparison.causes import Attribution, Side
from mmbench.comparison.matching import folded
from mmbench.core.visible import visible
from mmbench.results.run import Run, TaskResult
from mmbench.results.schema import AskedLine

About = Literal["answers", "scoring", "data", "environment"]
"""What a difference may change: the answers, how they are scored, what is asked about, or nothing as a rule."""

NOT_STATED = "not stated"
"""What a run says of a setting that it does not say."""
_LONG = 160
_PROMPT, _BEFORE = 60, 10
"""Characters of a prompt that are shown, and of these before the place where two prompts part."""
_IGNORED = ("tool", "task", "images")
_USUAL = (None, "", 0, "generate")
"""Values of an imported setting that say that nothing was done beside asking."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One setting in which two runs differ, or may differ because one does not state it."""

    name: str
    """Which setting, such as ``prompt`` or ``temperature``."""
    a: str
    """What the first run has."""
    b: str
    """What the second run has."""
    about: About
    """What it may change."""
    samples: int | None = None
    """Shared samples in which it differs; None where it is one setting for all."""
    points: float | None = None
    """What the answers to these samples are worth, whatever changed them; None for a setting for all, and where samples have no points."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the fields."""
        return {name: getattr(self, name) for name in self.__slots__}


def facts(
    runs: tuple[Run, Run], results: tuple[TaskResult, TaskResult], sides: tuple[Side, Side], found: Attribution
) -> list[Fact]:
    """Every setting in which two runs of a task differ, those that may change answers first."""
    listed: list[Fact] = [
        *_compared("model", (_model(runs[0]), _model(runs[1])), "answers"),
        *_of_samples("images sent", sides, found, lambda line: _sent(line.images_sent)),
        *_prompts(results, sides, found),
        *_mappings((_generation(results[0]), _generation(results[1])), "answers"),
        *_mappings((_imported(results[0]), _imported(results[1])), "answers"),
        *_compared("seed", (runs[0].seed, runs[1].seed), "answers"),
        *_options(runs),
        *_compared("metric", (str(sides[0].metric.id), str(sides[1].metric.id)), "scoring"),
        *_compared("extractor and options", (sides[0].scoring, sides[1].scoring), "scoring"),
        *_data(runs, results),
        *_compared("made by", (_tool(runs[0]), _tool(runs[1])), "environment"),
        *_environment(runs),
    ]
    return sorted(listed, key=lambda fact: ("answers", "scoring", "data", "environment").index(fact.about))


def may_change_answers(listed: Sequence[Fact]) -> list[str]:
    """Names of the facts that may have changed answers; those of the environment where nothing else differs."""
    names = [fact.name for fact in listed if fact.about == "answers"]
    return names or [fact.name for fact in listed if fact.about == "environment"]


def _text(value: Any) -> str:
    if value is None or value == "":
        return NOT_STATED
    text = shown(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _compared(name: str, values: tuple[Any, Any], about: About) -> Iterator[Fact]:
    a, b = values
    if a != b:
        yield Fact(name, _text(a), _text(b), about)


def _mappings(values: tuple[Mapping[str, Any], Mapping[str, Any]], about: About) -> Iterator[Fact]:
    a, b = values
    for name in dict.fromkeys([*a, *b]):
        yield from _compared(name, (a.get(name), b.get(name)), about)


def _model(run: Run) -> str:
    return run.model.name if run.record.imported is None else run.record.imported.model


def _tool(run: Run) -> str:
    origin = run.record.imported
    if origin is None:
        return f"mmbench {run.record.mmbench_version}"
    return f"{origin.tool} {origin.version}" if origin.version else origin.tool


def _generation(result: TaskResult) -> dict[str, Any]:
    """The generation parameters of a task, with lists in one form; of several kinds of request those of each."""
    plan = result.store.plan()
    found: dict[str, Any] = {}
    for values in (plan.identity.get("generation") or {}).values() if plan else ():
        for name, value in values.items():
            found.setdefault(name, list(value) if isinstance(value, tuple | list) else value)
    known = {name: value for name, value in found.items() if value not in ([], None)}
    return known if plan is not None and plan.identity.get("imported") else {**known, "stop": known.get("stop", "none")}


def _imported(result: TaskResult) -> dict[str, Any]:
    """What an imported run says of how it was asked beside prompt and generation."""
    plan = result.store.plan()
    own = plan.identity.get("imported") if plan else None
    if not isinstance(own, Mapping):
        return {}
    return {str(name): value for name, value in own.items() if name not in _IGNORED and value not in _USUAL}


def _data(runs: tuple[Run, Run], results: tuple[TaskResult, TaskResult]) -> Iterator[Fact]:
    """Differences of the data; fingerprints and versions of two tools cannot be held against each other."""
    a, b = (result.entry for result in results)
    if a.name == b.name or _tool(runs[0]) == _tool(runs[1]):
        yield from _compared("data fingerprint", (a.fingerprint, b.fingerprint), "data")
        yield from _compared("task version", (a.version, b.version), "data")
    yield from _compared("split", (a.split, b.split), "data")


def _options(runs: tuple[Run, Run]) -> Iterator[Fact]:
    """Options and settings of the models, where both runs are mmbench's own; the weights where nothing else tells two models apart."""
    if any(run.record.imported is not None for run in runs):
        return
    a, b = (run.model for run in runs)
    yield from _mappings((a.options, b.options), "answers")
    yield from _mappings((a.settings, b.settings), "answers")
    if a.name == b.name:
        yield from _compared("model digest", (a.digest, b.digest), "answers")


def _environment(runs: tuple[Run, Run]) -> Iterator[Fact]:
    if any(run.record.imported is not None for run in runs):
        return
    a, b = (run.record for run in runs)
    versions = [{f"package {name}": each for name, each in run.packages.items()} for run in (a, b)]
    yield from _mappings((versions[0], versions[1]), "environment")
    yield from _compared("GPU", (a.machine.accelerator, b.machine.accelerator), "environment")


# --- settings that each sample has ---


def _sent(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"


def _of_samples(
    name: str, sides: tuple[Side, Side], found: Attribution, of: Callable[[AskedLine], str | None]
) -> Iterator[Fact]:
    """A fact on the shared samples in which a setting differs; on all of them where one run does not state it."""
    pairs = [(of(sides[0].asked[i]), of(sides[1].asked[j])) for i, j in found.pairs]
    differ = [n for n, (left, right) in enumerate(pairs) if left != right and None not in (left, right)]
    if differ:
        left, right = pairs[differ[0]]
        yield Fact(name, _text(left), _text(right), "answers", len(differ), _points(found, differ))
        return
    stated = [{value for pair in pairs if (value := pair[n]) is not None} for n in (0, 1)]
    if bool(stated[0]) != bool(stated[1]):
        one, other = (", ".join(sorted(values)) or NOT_STATED for values in stated)
        yield Fact(name, _text(one), _text(other), "answers")


def _points(found: Attribution, places: Sequence[int]) -> float | None:
    return sum(found.answer_points.get(n, 0.0) for n in places) if found.plain else None


def _prompts(results: tuple[TaskResult, TaskResult], sides: tuple[Side, Side], found: Attribution) -> Iterator[Fact]:
    """The prompts as sent where both are known, else the templates."""

    def sent(line: AskedLine) -> str | None:
        return line.prompt or line.question

    texts = [(sent(sides[0].asked[i]), sent(sides[1].asked[j])) for i, j in found.pairs]
    known = [(left, right) for left, right in texts if left is not None and right is not None]
    if known:
        differ = [
            n
            for n, (left, right) in enumerate(texts)
            if left is not None and right is not None and folded(left) != folded(right)
        ]
        if differ:
            left, right = texts[differ[0]]
            yield Fact("prompt", *_apart(left or "", right or ""), "answers", len(differ), _points(found, differ))
        return
    plans = [result.store.plan() for result in results]
    templates = [None if plan is None else plan.identity.get("prompt") for plan in plans]
    yield from _compared("prompt", (templates[0], templates[1]), "answers")


def _apart(left: str, right: str) -> tuple[str, str]:
    """Two texts in one line each, from a little before the place where they part."""
    texts = [visible(" ".join(text.split())) for text in (left, right)]
    apart = (n for n, (one, other) in enumerate(zip(*texts, strict=False)) if one != other)
    same = next(apart, min(map(len, texts)))
    start = texts[0].rfind(" ", 0, max(0, same - _BEFORE)) + 1
    found = [("…" if start else "") + text[start:] for text in texts]
    shown_texts = [text if len(text) <= _PROMPT else f"{text[:_PROMPT]}…" for text in found]
    return shown_texts[0], shown_texts[1]
