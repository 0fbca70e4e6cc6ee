"""What a dataset of the family `classification` declares, and the rows that its source gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mmbench.core import DatasetCard, Media


@dataclass(frozen=True, slots=True)
class Labelled:
    """An image with its class, or several."""

    id: str
    """Unique in its split; printable, without line breaks."""
    labels: tuple[str, ...]
    """Names of classes; exactly one unless the card says that there may be several."""
    image: Media | None = None
    """The image; None where there is none, or nobody looks at it."""
    text: str = ""
    """The text that belongs to it, where there is one."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and labels by which results are also shown."""

    def scored(self) -> Iterator[str]:
        """Everything that could change a score."""
        yield from (self.id, self.image.digest if self.image else "", self.text, str(len(self.labels)), *self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationCard(DatasetCard):
    """A dataset of images of classes; its source gives rows such as `Labelled`."""

    classes: tuple[str, ...]
    """The classes, in the order in which they are offered."""
    several: bool = False
    """Whether an image may be of several classes."""
    prompt: str = "class-v1"
    """Name of a prompt in `mmbench_tasks.classification.prompts.PROMPTS`."""
    templates: str = "photo"
    """Name of a set in `mmbench_tasks.classification.prompts.TEMPLATES`."""
