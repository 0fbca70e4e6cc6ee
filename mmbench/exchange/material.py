"""What the exporters write from: the tasks of runs, sample by sample, and where their data are on the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO

from mmbench.analysis.sample_rows import SampleRow
from mmbench.results.run import Run, TaskResult

Opener = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a file by its path below the folder of an export; it is there as a whole when the context ends, or not at all."""


@dataclass(frozen=True, slots=True)
class HubFacts:
    """Where a dataset is on the Hugging Face hub."""

    id: str
    """``owner/name``."""
    revision: str | None
    """The full hash of the commit; None where the card pins none."""
    config: str | None
    """The configuration; None for the only one."""
    split: str
    """The split that was asked, in the hub's words."""


@dataclass(frozen=True)
class Scored:
    """One scored task of one run."""

    run: Run
    """The run."""
    result: TaskResult
    """The task of it."""
    rows: Callable[[], Iterator[SampleRow]]
    """Reads it sample by sample."""
    find_hub: Callable[[], HubFacts | None]
    """Finds out where its data are on the hub; see `hub`."""

    @cached_property
    def hub(self) -> HubFacts | None:
        """Where its data are on the hub; None where they are not, or nobody knows. The task is built for it."""
        return self.find_hub()


@dataclass(frozen=True)
class Material:
    """What one export is made of."""

    scored: Sequence[Scored]
    """The tasks, run by run."""
    source_url: str | None = None
    """Where the results can be seen."""
    organisation: str = "unknown"
    """Who ran the evaluation."""
    notes: list[str] = field(default_factory=list)
    """What the export had to leave out, a sentence each; exporters add to it."""


def hub_name(name: str) -> tuple[str, str]:
    """Developer and id of a model, as far as its name says them; without a known owner the developer is ``unknown``.

    >>> hub_name("hf/Qwen/Qwen3-VL-2B-Instruct")
    ('Qwen', 'Qwen/Qwen3-VL-2B-Instruct')
    >>> hub_name("openai/gpt-4o")
    ('openai', 'openai/gpt-4o')
    >>> hub_name("concat")
    ('unknown', 'concat')
    """
    provider, slash, rest = name.partition("/")
    if (
        slash
        and provider in ("hf", "hf-embed", "vllm")
        and not rest.startswith(("/", ".", "~"))
        and rest.count("/") == 1
    ):
        return rest.partition("/")[0], rest
    if slash and provider == "openai" and rest:
        owner, deeper, _ = rest.partition("/")
        return (owner, rest) if deeper else ("openai", name)
    return "unknown", name
