"""What a dataset of the family `retrieval` declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmbench.core import DatasetCard

Form = Literal["pool", "negatives", "squares"]
"""``pool``: every caption is ranked for every image and the other way round; ``negatives``: a caption against a wrong one;
``squares``: two images and two captions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalCard(DatasetCard):
    """A dataset of captioned images; its source gives rows such as `mmbench.data.Captioned`."""

    form: Form = "pool"
    """What is asked; for the other forms the source gives rows such as `mmbench.data.Question`, with the right caption as answer and both
    as choices, or both captions as answers."""
    normalise: bool = True
    """Whether embeddings are brought to norm 1; False for files of embeddings that are unit vectors as given."""
