"""The samples of a task with the answers of several runs side by side, as columns for a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.answer_columns import answer_columns, compact
from mmbench.analysis.outcomes import NOT_ASKED, SampleOutcomes, end_scores, needs_log, sample_outcomes
from mmbench.analysis.sample_choice import by_thirds
from mmbench.analysis.text_pool import TextPool
from mmbench.core.ids import split_variant
from mmbench.core.media import Media
from mmbench.core.requests import Embed, Generate, Request, conversation
from mmbench.core.samples import Part, Sample
from mmbench.results.run import Run, TaskResult
from mmbench.results.schema import ResponseLine

_DIGITS = 20
"""Digits of an image's digest that name it within a page."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a task asked, read again from its data."""

    samples: Mapping[str, Sample] = field(default_factory=dict)
    """The samples of the split by id, in the order of the data; empty where they are not to be had."""
    requests: Callable[[Sample], Sequence[Request]] = lambda _: ()
    """Makes the requests of a sample."""
    note: str | None = None
    """Why what was asked is not known, or what is missing of it; None where nothing is."""
    folder: str | None = None
    """Folder of the user's data, below which paths of images are shown; None where the task brings its own."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One run's part in a task."""

    label: str
    """What the page calls the run."""
    run: Run
    """The run."""
    result: TaskResult
    """The task of it."""


@dataclass(frozen=True)
class SideBySide:
    """One task with all runs that were asked the same questions."""

    title: str
    """The task's full name, and what sets these questions apart where other runs were asked others under that name."""
    entrants: Sequence[Entrant]
    """[r] the runs, at least one."""
    asked: Asked
    """What they were asked."""

    @cached_property
    def _early_lines(self) -> list[list[ResponseLine] | None]:
        """[r] the log of a run whose samples are known by it alone; it is read once."""
        return [list(each.result.responses()) if needs_log(each.result) else None for each in self.entrants]

    @cached_property
    def outcomes(self) -> list[SampleOutcomes]:
        """[r] what became of the samples in each run. Raises `NotComparableError` for damaged files."""
        pairs = zip(self.entrants, self._early_lines, strict=True)
        return [sample_outcomes(each.result, lines) for each, lines in pairs]

    @cached_property
    def ids(self) -> list[str]:
        """[n] ids of all samples that a run was asked, in the order of the data."""
        known = dict.fromkeys(chain.from_iterable(each.ids for each in self.outcomes))
        inside = [name for name in self.asked.samples if name in known]
        return inside if len(inside) == len(known) else [*inside, *(n for n in known if n not in self.asked.samples)]

    @cached_property
    def places(self) -> list[NDArray[np.int64]]:
        """[r] for each sample its row in the run's outcomes: int64 [n], negative where the run was not asked it."""
        found = []
        for each in self.outcomes:
            if each.ids == self.ids:
                found.append(np.arange(len(self.ids)))
            else:
                rows = {name: row for row, name in enumerate(each.ids)}
                found.append(np.array([rows.get(name, NOT_ASKED) for name in self.ids], dtype=np.int64))
        return found

    @cached_property
    def matrix(self) -> NDArray[np.int8]:
        """int8 [r, n]: places in `OUTCOMES`, `NOT_ASKED` where a run was not asked a sample."""
        found = np.full((len(self.entrants), len(self.ids)), NOT_ASKED, dtype=np.int8)
        for row, (each, places) in enumerate(zip(self.outcomes, self.places, strict=True)):
            there = places >= 0
            found[row, there] = each.outcome[places[there]]
        return found

    @cached_property
    def strata(self) -> NDArray[np.int8]:
        """int8 [r, n]: `matrix` as samples are chosen by; see `mmbench.analysis.sample_choice.by_thirds`."""
        scores = np.full(self.matrix.shape, np.nan)
        for row, (each, places) in enumerate(zip(self.outcomes, self.places, strict=True)):
            there = places >= 0
            scores[row, there] = each.scores[places[there]]
        return by_thirds(self.matrix, scores)

    def metadata(self, shown: int) -> dict[str, Any]:
        """What the page says of the task before its samples are looked at; `shown` is how many of them it has."""
        first = self.entrants[0].result
        pairs = zip(self.entrants, self.outcomes, strict=True)
        result, deciding = next(((each.result, name) for each, found in pairs for name in found.values), (first, None))
        return {
            "task": first.name,
            "title": self.title,
            "samples": shown,
            "of": len(self.ids),
            "runs": [each.label for each in self.entrants],
            "metric": deciding,
            "ends": (None, None) if deciding is None else end_scores(result, deciding),
            "higher_is_better": deciding is None or result.metrics[deciding].higher_is_better,
            "note": self.asked.note,
        }

    def columns(self, chosen: Sequence[int], shown_images: Iterable[int]) -> tuple[bytes, dict[str, Media]]:
        """The samples as one JSON document of columns; see ``docs/design/report.md`` for its fields.

        Args:
            chosen: Places in `ids` of the samples.
            shown_images: Those of them whose images are shown.

        Returns:
            The document, and the images that it shows, by the name that it has for them.

        Raises:
            NotComparableError: If a log is damaged.
        """
        made = _Columns([self.ids[place] for place in chosen], self.asked)
        made.add_questions({self.ids[place] for place in shown_images})
        tables = [each.table for each in self.outcomes if each.table is not None and each.table.slices]
        made.add_slices(tables[0].unit_ids if tables else (), tables[0].slices if tables else {})
        places = np.array(chosen, dtype=np.int64)
        for number in range(len(self.entrants)):
            made.add_run(self._run(number, places, made))
        return made.encoded(), made.media

    def _run(self, number: int, chosen: NDArray[np.int64], made: _Columns) -> dict[str, Any]:
        entrant, outcomes = self.entrants[number], self.outcomes[number]
        rows = self.places[number][chosen]
        there = rows >= 0

        def taken(values: Sequence[str | None] | None) -> Any:
            if values is None:
                return None
            texts = [values[row] if row >= 0 else None for row in rows.tolist()]
            return compact(made.pool.numbers(texts))

        early = self._early_lines[number]
        lines = entrant.result.responses() if early is None else early
        plan = entrant.result.store.plan()
        table = outcomes.table
        found = {
            "label": entrant.label,
            "settings": None if plan is None else plan.identity.get("generation"),
            "outcome": compact(self.matrix[number, chosen].tolist()),
            "values": {name: compact(_numbers(each, rows, there)) for name, each in outcomes.values.items()},
            "extracted": None if table is None else taken(table.answers),
            "why": None if table is None else taken(table.explanations),
            "answers": answer_columns(lines, made.rows(entrant.result.name), made.pool),
        }
        return {name: value for name, value in found.items() if value is not None}


def _numbers(values: NDArray[np.float64], rows: NDArray[np.int64], there: NDArray[np.bool_]) -> list[Any]:
    """Values of the chosen samples with four digits after the point; None where they are undefined."""
    if not len(values):
        return [None] * len(rows)
    taken = np.where(there, np.round(values[rows], 4), np.nan)
    if np.isfinite(taken).all() and (taken == np.trunc(taken)).all():
        return list(taken.astype(np.int64).tolist())
    return [None if each != each else each for each in taken.tolist()]  # noqa: PLR0124 - NaN differs from itself


class _Columns:
    """A document of columns under construction."""

    def __init__(self, ids: list[str], asked: Asked) -> None:
        self.pool = TextPool()
        self.media: dict[str, Media] = {}
        """The images that are shown, by their name within the page."""
        self._ids, self._asked = ids, asked
        self._images: dict[str, int] = {}
        self._listed: list[dict[str, Any]] = []
        self._document: dict[str, Any] = {"ids": ids, "runs": []}
        self._heads: dict[str, dict[str, int]] = {}

    def rows(self, task: str) -> Mapping[str, int]:
        """``task/sample/0``, the id of a sample's first request, to the row of the sample."""
        name = split_variant(task)[0]
        if name not in self._heads:
            self._heads[name] = {f"{name}/{sample}/0": row for row, sample in enumerate(self._ids)}
        return self._heads[name]

    def add_run(self, run: dict[str, Any]) -> None:
        """Add the columns of one run."""
        self._document["runs"].append(run)

    def add_questions(self, shown: set[str]) -> None:
        """Add what was asked; the images of the samples in `shown` are shown."""
        samples = [self._asked.samples.get(name) for name in self._ids]
        if not any(samples):
            return
        pool, document = self.pool, self._document
        document["question"] = pool.numbers(None if s is None else _question(s) for s in samples)
        document["references"] = compact([None if s is None else pool.numbers(s.references) for s in samples])
        document["choices"] = compact(
            [None if s is None or s.choices is None else pool.numbers(s.choices) for s in samples]
        )
        document["images"] = compact(
            [
                None if s is None else [self._image(part, s.id in shown) for part in s.parts if isinstance(part, Media)]
                for s in samples
            ]
        )
        document["asked"] = [None if s is None else self._requests(s, s.id in shown) for s in samples]

    def add_slices(self, ids: Sequence[str], of_table: Mapping[str, Sequence[str]]) -> None:
        """Add the labels of the samples: those of the data, else those of a score table."""
        samples = self._asked.samples
        names = dict.fromkeys(name for each in self._ids if each in samples for name in samples[each].slices)
        rows = {} if names else {name: row for row, name in enumerate(ids)}
        found: dict[str, Any] = {}
        for name in names or of_table:
            labels: dict[str, int] = {}
            codes = []
            for each in self._ids:
                if names:
                    label = samples[each].slices.get(name, "") if each in samples else ""
                else:
                    label = of_table[name][rows[each]] if each in rows else ""
                codes.append(labels.setdefault(label, len(labels)) if label else -1)
            found[name] = {"labels": list(labels), "of": codes}
        if found:
            self._document["slices"] = found

    def _requests(self, sample: Sample, shown: bool) -> list[Any]:
        question = _question(sample)
        return [self._request(each, question, shown) for each in self._asked.requests(sample)]

    def _request(self, request: Request, question: str, shown: bool) -> dict[str, Any]:
        messages = [
            [message.role, *(self._part(part, question, shown) for part in message.parts)]
            for message in conversation(request)
        ]
        found: dict[str, Any] = {"kind": request.kind, "messages": messages}
        if isinstance(request, Embed):
            found["messages"] = [["", self._part(request.part, question, shown)]]
        if isinstance(request, Generate):
            found["limit"] = request.max_new_tokens
        return found

    def _part(self, part: Part, question: str, shown: bool) -> Any:
        """A text as its number, or as those of its pieces where the question stands in it; an image as ``[number]``."""
        if isinstance(part, Media):
            return {"image": self._image(part, shown)}
        before, same, after = part.partition(question) if question else (part, "", "")
        pieces = [text for text in (before, same, after) if text]
        return self.pool.numbers(pieces)

    def _image(self, media: Media, shown: bool) -> int:
        name = media.digest[:_DIGITS]
        if name not in self._images:
            self._images[name] = len(self._listed)
            entry = {"name": name, "path": _shown_path(media.path, self._asked.folder)}
            self._listed.append(entry if media.kind == "image" else {**entry, "kind": media.kind})
        if shown and media.kind == "image":
            self.media.setdefault(name, media)
        return self._images[name]

    def encoded(self) -> bytes:
        """The document as JSON."""
        document = {
            **self._document,
            "listed_images": self._listed,
            "texts": self.pool.texts,
            "cuts": {str(number): cut for number, cut in self.pool.cuts.items()},
        }
        try:
            return msgspec.json.encode(document)
        except UnicodeEncodeError:  # half of a surrogate pair, which a task of Python or the name of a file may hold
            return msgspec.json.encode(_without_surrogates(document))


def _without_surrogates(value: Any) -> Any:
    """The same document with a question mark in place of each half of a surrogate pair."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_without_surrogates(name): _without_surrogates(each) for name, each in value.items()}
    return list(map(_without_surrogates, value)) if isinstance(value, list | tuple) else value


def _question(sample: Sample) -> str:
    return "\n".join(part for part in sample.parts if isinstance(part, str))


def _shown_path(path: str | None, folder: str | None) -> str | None:
    """A path without the machine's part: below the folder of the data, else the file's name."""
    if path is None:
        return None
    if folder is not None and path.startswith(folder + os.sep):
        return path[len(folder) + 1 :]
    return os.path.basename(path)  # noqa: PTH119 - paths within archives are no paths of this machine
