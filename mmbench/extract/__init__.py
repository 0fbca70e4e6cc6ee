"""Named, versioned answer extractors, and the normal form of text that answers and references share.

An extractor returns the answer that a model's text holds, or None where it holds none that the extractor accepts; such
an output is scored 0 and counted apart (``unparsed``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.extract.declare import Choices, Example, Extractor, Reads, extractor
    from mmbench.extract.normal_form import composed, normalise
    from mmbench.extract.numbers import number_text
    from mmbench.extract.registered import extractor_named, extractors, version_of_today

__all__ = [
    "Choices",
    "Example",
    "Extractor",
    "Reads",
    "composed",
    "extractor",
    "extractor_named",
    "extractors",
    "normalise",
    "number_text",
    "version_of_today",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "mmbench.extract.declare": ("Choices", "Example", "Extractor", "Reads", "extractor"),
        "mmbench.extract.normal_form": ("composed", "normalise"),
        "mmbench.extract.numbers": ("number_text",),
        "mmbench.extract.registered": ("extractor_named", "extractors", "version_of_today"),
    },
)
