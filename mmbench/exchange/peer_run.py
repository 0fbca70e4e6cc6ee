"""What an importer makes of the files of another evaluation tool, before it becomes a run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmbench.core.responses import FinishReason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSample:
    """One question, what was answered, and what the other tool gave for the answer."""

    id: str
    """Its id in the files, unique within the task."""
    position: int | None = None
    """Its place in the data, from 0, where the tool counts samples; None where it does not."""
    question: str | None = None
    """The question as the data have it; None where the files hold only the prompt."""
    prompt: str | None = None
    """The text that the model was sent; None where the files do not hold it."""
    images_sent: bool | None = None
    """Whether images were sent with it; None where the files do not say."""
    cluster: str = ""
    """What errors cluster on, such as the image; empty for the sample itself."""
    references: tuple[str, ...] = ()
    """What counts as right."""
    choices: tuple[str, ...] | None = None
    """The closed set of answers; None where there is none."""
    output: str | tuple[float, ...] | None = None
    """The text that was answered, or the score of every choice; None where no answer arrived."""
    reasoning: str | None = None
    """What the model thought before, where the tool keeps that apart."""
    status: Status = "ok"
    """How the request ended."""
    finish_reason: FinishReason = "unknown"
    """Why the generation ended."""
    error: str | None = None
    """What went wrong; None where nothing did."""
    extracted: str | None = None
    """The answer that the tool found in the output."""
    explanation: str | None = None
    """Why it was scored as it was, in the tool's words."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Metric to what the sample got; metrics that did not score it are absent."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and labels by which results are also shown."""
    tokens: tuple[int | None, int | None] = (None, None)
    """Tokens read and written; None where unknown."""
    duration_s: float = 0.0
    """Seconds that the answer took; 0 where unknown."""

    @property
    def text(self) -> str:
        """The question, or the prompt where the files hold no question; empty where they hold neither."""
        return self.question if self.question is not None else self.prompt or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerMetric:
    """A metric of the other tool that scores every sample."""

    name: str
    """As the tool calls it."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What tells it from others of that name, such as a filter of answers."""
    higher_is_better: bool = True
    """Its direction."""
    reported: float | None = None
    """The value that the tool reports for the whole task; None where its files do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTask:
    """One task of a run of another tool."""

    name: str
    """As the tool calls it."""
    version: str = "unknown"
    """As the tool states it."""
    split: str = "test"
    """The split that was asked."""
    samples: Sequence[PeerSample]
    """Every sample."""
    metrics: Mapping[str, PeerMetric]
    """Key in `PeerSample.scores` to the metric, the first of which is the headline."""
    prompt: str | None = None
    """The template of the prompt; None where the files do not hold it."""
    generation: Mapping[str, Any] = field(default_factory=dict)
    """Generation parameters under our names where we have one: ``max_new_tokens``, ``temperature``, ``stop``."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else the files say of how it was asked, such as the number of examples before the question."""
    split_samples: int = 0
    """Samples of the whole split; 0 where unknown."""
    notes: tuple[str, ...] = ()
    """What must be known of it, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun:
    """A run of another tool: one model on one or several tasks."""

    version: str | None = None
    """Version of the tool; None where its files do not say."""
    model: str
    """Name of the model."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the files say of the model: adapter, arguments."""
    seed: int = 0
    """Seed of the run."""
    created: str | None = None
    """When it began, ISO 8601; None where unknown."""
    tasks: Sequence[PeerTask]
    """At least one task."""
