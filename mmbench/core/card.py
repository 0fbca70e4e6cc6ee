"""Dataset cards, and the task that a card declares.

A family of tasks is Python: what is asked and what an answer is worth. A dataset of a family is a `DatasetCard`: names,
licence, citation, and a source of rows. `CardTask` is the base of the families' tasks and holds what they share: options,
splits, the fingerprint, and what `TaskInfo` says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast

from mmbench.core.errors import CardError, PluginError, UnknownNameError, UsageError
from mmbench.core.ids import dataset_digest, derive_seed
from mmbench.core.metric import Metric
from mmbench.core.prompts import Prompt
from mmbench.core.requests import Generate, Message, Request, RequestKind
from mmbench.core.responses import Output
from mmbench.core.samples import Part, Sample
from mmbench.core.task import DatasetInfo, Predicted, Task, TaskInfo, output_for

Option = Collection[str] | Callable[[Any], Any]
"""What an option of a task may be: one of some names; or what a function returns for it, which raises `UsageError`."""
T = TypeVar("T")


class Row(Protocol):
    """One item of a dataset as its source gives it, such as `mmbench.data.Question`."""

    @property
    def id(self) -> str:
        """Unique in its split and stable; printable, without line breaks."""

    def scored(self) -> Iterable[str]:
        """Everything in the row that could change a score, as texts: the fingerprint is made of it."""


class RowSource(Protocol):
    """Where the rows of a dataset come from.

    A source may also have a method ``fingerprint()`` that returns the digest of its test split without reading all rows.
    """

    def rows(self, split: str) -> Iterable[Any]:
        """The rows of one of the card's splits, in a stable order.

        Raises:
            DataError: If the data cannot be read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCard:
    """One dataset of a family, declared. Families add fields of their own and set defaults.

    Raises:
        CardError: If a field that every reader of a result needs is empty.
    """

    name: str
    """Full name of the task, family first, such as ``vqa/easy-vqa``."""
    description: str = ""
    """One line for `mmbench list`."""
    licence: str = ""
    """SPDX identifier of the data's licence where there is one; ``unknown`` where nobody stated it."""
    citation: str = ""
    """Paper, page or package."""
    revision: str = ""
    """The pinned version of the data; for a user's own file, the digest of the file; where it is empty, what the source says."""
    source: RowSource
    """Gives the rows."""
    version: str = "1"
    """Changes when the same model could get another score; prompt and extractor have versions of their own."""
    splits: tuple[str, ...] = ("test",)
    """The splits that the source knows."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes."""
    modalities: tuple[str, ...] = ("image", "text")
    """What a request may hold, as in `TaskInfo`."""
    max_images: int = 1
    """The largest number of images in one request, as in `TaskInfo`."""
    prompt: str = ""
    """Name of one of the family's prompts; empty where the family has none."""
    extractor: str = ""
    """Name of a registered answer extractor (`mmbench.extract`); empty: the family chooses."""
    metrics: tuple[str, ...] = ()
    """Ids of the metrics of the main table; empty: the family's."""
    samples: int = 0
    """How many samples the test split has where the data are complete; 0: nobody counted them."""
    fingerprint: str = ""
    """Digest (`rows_digest`) of the complete official test split, in the order of ids; empty: it was not computed."""
    size: str = ""
    """What the data take on disk, such as ``45 GB``."""
    results: Any = None
    """What the official result file calls the roles ``id`` and ``prediction``: a `mmbench.data.Fields`."""
    published: Mapping[str, str] = field(default_factory=dict)
    """Model to its published value of the same convention, with the source."""
    verified: str = ""
    """What was run against what, and when; empty: nothing."""

    def __post_init__(self) -> None:
        if not self.revision:
            object.__setattr__(self, "revision", str(getattr(self.source, "revision", "")))
        for required in ("name", "description", "licence", "citation", "revision"):
            if not getattr(self, required).strip():
                raise CardError(self.name, required)

    @property
    def dataset(self) -> DatasetInfo:
        """Name, revision, licence and citation of the data."""
        return DatasetInfo(self.name.partition("/")[2] or self.name, self.revision, self.licence, self.citation)


Card = TypeVar("Card", bound=DatasetCard)


class CardTask(Generic[Card]):
    """Base of tasks that a card declares.

    A family's task sets `prompt`, `extractor` and `closed_answers` where it has them, and defines `primary`, `metrics`,
    `sample`, `requests` and `score` (or inherits `score` from `PerSampleTask`), and `known_options`.
    """

    request_kinds: ClassVar[frozenset[RequestKind]] = frozenset({"generate"})
    """The kinds of request that it makes."""
    scoring_options: ClassVar[tuple[str, ...]] = ()
    """Names of options that change only how answers are scored, as in `TaskInfo`."""
    prompt: Prompt | None = None
    """The prompt in force; `prompt_text` states it in `info`."""
    extractor: Any = None
    """The extractor in force; its text form is stated in `info`."""
    closed_answers: bool = False
    """Whether every request carries its closed set of answers."""

    def __init__(self, card: Card, options: Mapping[str, Any] | None = None) -> None:
        """Make the task of a card.

        Args:
            card: The dataset.
            options: Options that `with_options` checked; they are stated in `info`.
        """
        self.card = card
        self.options = dict(options or {})
        self.source: RowSource = card.source

    @property
    def primary(self) -> tuple[str, ...]:
        """Ids of the metrics of the main table."""
        raise TypeError(f"{type(self).__name__} does not define primary")

    @property
    def metrics(self) -> Sequence[Metric]:
        """Every metric that the score tables feed."""
        raise TypeError(f"{type(self).__name__} does not define metrics")

    @property
    def notes(self) -> Sequence[str]:
        """What must be known of the data beside the values, a sentence each; may read the data."""
        return self.differences()

    def differences(self) -> tuple[str, ...]:
        """How the test split differs from what the card says of it, a sentence each. Reads the data."""
        if not (card := self.card).samples:
            return ()
        rows = list(self.source.rows("test"))
        if (count := len(rows)) != card.samples:
            return (
                f"its card says {card.samples:,} samples, these data have {count:,}: values are not those of the benchmark",
            )
        digest = rows_digest(sorted(rows, key=lambda row: row.id)) if card.fingerprint else ""
        if digest != card.fingerprint and getattr(self.source, "is_official", True):
            return ("these data differ from those that its card was made with, in texts, answers or images",)
        return ()

    def at(self, path: Path, *, seen: bool = True) -> Self:
        """The same task over a copy of its data.

        Args:
            path: The official files, or a folder as on the hub.
            seen: Whether images are needed; False where answers are only scored.

        Raises:
            UsageError: If the data of the card are not read from files.
        """
        if not hasattr(self.source, "at"):
            raise UsageError(f"{self.card.name} has references of its own; leave out {path}")
        return type(self)(replace(self.card, source=cast("Any", self.source).at(path, seen=seen)), self.options)

    def option(self, name: str) -> Any:
        """The value of an option: as given, else the card's field of that name."""
        return self.options.get(name, getattr(self.card, name))

    def extractor_name(self, case: str, usual: str) -> str:
        """The name of the extractor in force: the one that was set, that of a prompt that was set, the card's, the usual one.

        Args:
            case: The case of the prompt whose extractor is meant, as in `Prompt.extractor`.
            usual: What the family uses where nobody says anything else.
        """
        of_prompt = "" if self.prompt is None else self.prompt.extractor(case)
        chosen = of_prompt if "prompt" in self.options else ""
        return str(self.options.get("extractor") or chosen or self.card.extractor or of_prompt or usual)

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Option]:
        """The options that the task takes.

        Args:
            given: The options that are being set, for options that depend on others.
        """
        del given
        return {}

    def with_options(self, **options: Any) -> Self:
        """The task with these options set as well.

        Raises:
            UnknownNameError: If there is no such option, or a name is none of those that it takes.
            UsageError: If a value is not what the option takes.
        """
        known = self.known_options(options)
        for name, value in options.items():
            takes = look_up(f"option of {self.card.name}", name, known)
            options[name] = takes(value) if callable(takes) else named(name, value, takes)
        task = type(self)(self.card, {**self.options, **options})
        if task._shots and "train" not in self.card.splits:
            raise UsageError(
                f"{self.card.name} has no split 'train' to draw the {task._shots} examples of its prompt from"
            )
        return task

    @property
    def info(self) -> TaskInfo:
        """What the card says, with the options in force."""
        card = self.card
        return TaskInfo(
            name=card.name,
            version=card.version,
            description=card.description,
            dataset=card.dataset,
            request_kinds=self.request_kinds,
            primary=self.primary,
            splits=card.splits,
            languages=card.languages,
            modalities=card.modalities,
            max_images=card.max_images * (1 + self._shots),
            prompt=self.prompt_text,
            extractor=None if self.extractor is None else str(self.extractor),
            closed_answers=self.closed_answers,
            options=self.options,
            scoring_options=self.scoring_options,
        )

    @property
    def prompt_text(self) -> str | None:
        """Name, templates, system text and number of examples of the prompt in force; None where there is none."""
        return None if self.prompt is None else self.prompt.stated(repr(dict(self.prompt.templates)))

    @property
    def _shots(self) -> int:
        return 0 if self.prompt is None else self.prompt.shots

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The parts of the message that puts a sample to a model, by the prompt in force."""
        return sample.parts

    def asked(self, sample: Sample) -> Generate:
        """The request that puts a sample to a model: system text and examples, where the prompt has them, then `put`."""
        prompt = self.prompt
        if prompt is None:
            return Generate(parts=self.put(sample), choices=sample.choices)
        if not (prompt.system or prompt.shots):
            return Generate(parts=self.put(sample), max_new_tokens=prompt.max_new_tokens, choices=sample.choices)
        said = [Message("system", (prompt.system,))] if prompt.system else []
        examples = self._examples if prompt.shots else []
        for example in [each for each in examples if each.id != sample.id][: prompt.shots]:
            said += [Message("user", self.put(example)), Message("assistant", (example.references[0],))]
        messages = (*said, Message("user", self.put(sample)))
        return Generate(messages=messages, max_new_tokens=prompt.max_new_tokens, choices=sample.choices)

    @cached_property
    def _examples(self) -> list[Sample]:
        """One more than the prompt shows, because none is shown before its own question."""
        rows, seed = list(self.source.rows("train")), 0 if self.prompt is None else self.prompt.seed
        if len(rows) <= self._shots:
            raise UsageError(f"{self.card.name}: its split 'train' has {len(rows):,} samples, too few for the examples")
        chosen = Random(derive_seed(self.card.name, "examples", seed)).sample(rows, self._shots + 1)
        return [self.sample(row) for row in chosen]

    def fingerprint(self) -> str:
        """Digest of everything in the test split that could change a score. Raises `DataError`."""
        known = getattr(self.source, "fingerprint", None)
        return rows_digest(self.source.rows("test")) if known is None else known()

    def samples(self, split: str = "test") -> list[Sample]:
        """The samples of a split, in the order of the source.

        Raises:
            DataError: If the data cannot be read.
            UsageError: If the card names no such split.
        """
        if split not in self.card.splits:
            raise UsageError(f"{self.card.name} has no split {split!r}; it has {', '.join(self.card.splits)}")
        return [self.sample(row) for row in self.source.rows(split)]

    def sample(self, row: Any) -> Sample:
        """The sample of one row of the source."""
        raise TypeError(f"{type(self).__name__} does not define sample")

    def solve(self, sample: Sample, request: Request) -> Output:
        """The first reference, as the request asks for it."""
        return output_for(request, sample.references[0])

    def chance(self, samples: Sequence[Sample]) -> Mapping[str, float]:
        """Empty, unless a family overrides it: there is no uniform guess among all texts."""
        del samples
        return {}


class CardFamily(Generic[Card]):
    """Base of families whose datasets are cards: it makes the tasks of the entry-point group ``mmbench.datasets``."""

    name: str
    """What stands before the slash."""
    default: str | None = None
    """As in `mmbench.core.Family`."""
    card_type: type[Card]
    """The cards that it takes."""
    task_type: Callable[[Card], Task]
    """Makes the task of a card."""

    def from_card(self, card: DatasetCard) -> Task:
        """The task that a card declares.

        Raises:
            PluginError: If it is another family's card.
        """
        if not isinstance(card, self.card_type):
            wanted = self.card_type.__name__
            raise PluginError(f"the card of {card.name!r} is a {type(card).__name__}; {self.name} takes a {wanted}")
        return type(self).task_type(card)


class AnswerFiles:
    """Mixin of families that score files with one answer for each sample; see `mmbench.core.ReadsPredictions`."""

    folders: ClassVar[tuple[str, ...]] = ()
    """Which of ``predictions`` and ``references`` may be a folder; those of a card may be in any case."""
    needs: str
    """The error for predictions without references and without a task: which file is needed."""

    def read_answers(self, path: Path) -> Mapping[str, str]:
        """Sample id to answer. Raises `DataError`, also for an id that stands there twice."""
        raise TypeError(f"{type(self).__name__} does not define read_answers")

    def from_references(self, path: Path) -> Task:
        """The task over a file of references, of which no image is looked for. Raises `DataError`."""
        raise TypeError(f"{type(self).__name__} does not define from_references")

    def open_predictions(self, predictions: Path, references: Path | None, task: Task | None) -> Predicted:
        """Read a file of answers, for the task that was named or that the references make.

        Raises:
            DataError: If a file cannot be read.
            UsageError: If references are missing, or given beside a task that has its own.
        """
        if task is None:
            if references is None:
                raise UsageError(self.needs)
            task = self.from_references(references)
        elif references is not None:
            task = cast("Task", cast("Any", task).at(references, seen=False))
        return Predicted(task, self.outputs_of(predictions, task))

    def outputs_of(self, path: Path, task: Task) -> Mapping[str, Sequence[Output]]:
        """Sample id to the answer that a file has for it, of one request each. Raises `DataError`."""
        del task
        return {name: (answer,) for name, answer in self.read_answers(path).items()}


def look_up(what: str, name: Any, known: Mapping[str, T]) -> T:
    """The value under a name. Raises `UnknownNameError`, which lists the names that there are."""
    return known[named(what, name, known)]


def named(what: str, value: Any, known: Collection[str]) -> str:
    """The value as one of some names. Raises `UnknownNameError`, which lists the names that there are."""
    text = str(value)
    if text not in known:
        raise UnknownNameError(what, text, known, hint=f"There are: {', '.join(known) or 'none'}.")
    return text


def rows_digest(rows: Iterable[Row]) -> str:
    """Digest of everything in some rows that could change a score, in their order."""
    return dataset_digest(chain.from_iterable(row.scored() for row in rows))
