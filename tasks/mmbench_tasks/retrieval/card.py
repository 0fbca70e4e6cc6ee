"""What a dataset of the family `retrieval` declares."""

from __future__ import annotations

from dataclasses import dataclass

from mmbench.core import DatasetCard


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalCard(DatasetCard):
    """A dataset of captioned images; its source gives rows such as `mmbench.data.Captioned`."""

    normalise: bool = True
    """Whether embeddings are brought to norm 1; False for files of embeddings that are unit vectors as given."""
