"""What a dataset of the family `translation` declares, and the rows that its source gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mmbench.core import DatasetCard, Media

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "German", "fr": "French", "cs": "Czech"}
"""Code to what prompts call a language; others are called by their code."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence in several languages, and the image that it describes."""

    id: str
    """Unique in its split; printable, without line breaks."""
    texts: Mapping[str, tuple[str, ...]]
    """Code of a language to the sentence in it; several where there are several references."""
    image: Media | None = None
    """The image; None where there is none."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and labels by which results are also shown."""

    def scored(self) -> Iterator[str]:
        """Everything that could change a score."""
        yield from (self.id, self.image.digest if self.image else "")
        for language, texts in sorted(self.texts.items()):
            yield from (language, str(len(texts)), *texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationCard(DatasetCard):
    """A dataset of sentences to translate; its source gives rows such as `Sentence`."""

    languages: tuple[str, ...] = ("en", "de")
    """ISO 639-1 codes; the first is translated into the second unless the options ``source`` and ``target`` say otherwise."""
    prompt: str = "translate-v1"
    """Name of a prompt in `mmbench_tasks.translation.prompts.PROMPTS`."""
