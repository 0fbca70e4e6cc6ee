"""Records of runs that another evaluation tool made: where they come from, and what was asked there."""

from __future__ import annotations

from msgspec import Struct, field

from mmbench.results.schema.stored import StoredRecord


class ImportEntry(StoredRecord, frozen=True, kw_only=True):
    """Where an imported run comes from; such a run is never resumed."""

    tool: str
    """The tool that made it: ``lmms-eval``, ``lm-eval``, ``vlmevalkit`` or ``inspect``."""
    version: str | None = None
    """Its version, as the files state it; null where they do not."""
    model: str
    """The model as the tool calls it."""
    files: dict[str, str] = field(default_factory=dict)
    """Name of each file that was read to the sha256 of its bytes."""


class AskedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One line of ``asked.jsonl``, which only imported runs have: one sample as the other tool asked it.

    A field that holds its default is left out.
    """

    id: str
    """The sample's id in this run."""
    position: int | None = None
    """Its place in the data of the tool, from 0; null where unknown."""
    question: str | None = None
    """The question as the data have it; null where the files hold only the prompt."""
    prompt: str | None = None
    """The text that the model was sent; null where the files do not hold it, or it is the question."""
    images_sent: bool | None = None
    """Whether images were sent with it; null where the files do not say."""
    references: tuple[str, ...] = ()
    """What counts as right, as the tool has it."""
    choices: tuple[str, ...] | None = None
    """The closed set of answers; null where there is none."""
    group: str = ""
    """What errors cluster on; empty for the sample itself."""
    slices: dict[str, str] = field(default_factory=dict)
    """Names and labels by which results are also shown."""
