"""One item of a data set, with what counts as right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmbench.core.media import Media

Part = str | Media
"""A piece of a prompt: text or a medium."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One item that is asked about. Models never see it: they see the requests made from it."""

    id: str
    """Unique within the task and stable between runs; printable, without line breaks."""
    parts: tuple[Part, ...]
    """Text and media, interleaved as they are meant to be read."""
    references: tuple[str, ...] = ()
    """What counts as right: answers, captions, a label. Empty where the task needs none."""
    choices: tuple[str, ...] | None = None
    """The closed set of answers, or None where any text may be an answer."""
    group: str = ""
    """What errors cluster on (the image, the video, the Latin block); empty means the sample itself."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and labels by which results are also shown, such as ``{"type": "colour"}``."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the data set knows; neither shown to models nor scored by the harness."""

    @property
    def cluster(self) -> str:
        """The group, or the id where there is none."""
        return self.group or self.id
