"""A task of the family `retrieval`: pictures find their captions, captions their picture, by the model's embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from mmbench.core import (
    DatasetInfo,
    Embed,
    Metric,
    Request,
    Response,
    Sample,
    ScoreTable,
    TaskInfo,
    UsageError,
    derive_seed,
)
from mmbench.core.responses import Output

if TYPE_CHECKING:
    from mmbench.data import Captioned

KS = (1, 5, 10)
"""The cut-offs."""
_NO_META: Mapping[str, Any] = {}
_NO_SLICES: Mapping[str, str] = {}
_ORACLE_DIM = 128


class CaptionSource(Protocol):
    """What gives the captioned pictures of a data set."""

    def rows(self, split: str) -> Sequence[Captioned]:
        """The captioned pictures of a split, in a stable order. Raises `DataError`."""

    def fingerprint(self) -> str:
        """Digest of the pictures and captions of the test split. Raises `DataError`."""


def retrieval_info(
    name: str, description: str, dataset: DatasetInfo, *, version: str = "1", splits: tuple[str, ...] = ("test",)
) -> TaskInfo:
    """The `TaskInfo` of a retrieval task.

    Parameters: `name`, the full name; `description`, one line; `dataset`, `version` and `splits` as in `TaskInfo`.
    """
    i2t = [f"hit_rate@{k}(direction=i2t)" for k in KS]
    t2i = [f"recall@{k}(direction=t2i)" for k in KS]
    return TaskInfo(
        name=name,
        version=version,
        description=description,
        dataset=dataset,
        request_kinds=frozenset({"embed"}),
        primary=(*i2t, "median_rank(direction=i2t)", *t2i, "median_rank(direction=t2i)"),
        splits=splits,
        languages=(),
    )


class RetrievalTask:
    """A sample is a picture with its captions; every part is embedded, and all parts of one kind are one gallery.

    Embeddings are L2-normalised in float32 and compared by dot product. Errors cluster by picture.
    """

    def __init__(self, info: TaskInfo, source: CaptionSource) -> None:
        self.info = info
        self.source = source

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those of `mmbench.metrics.retrieval`, from picture to text and from text to picture."""
        from mmbench.metrics.retrieval import retrieval_metrics

        return [*retrieval_metrics("i2t", KS), *retrieval_metrics("t2i", KS)]

    def fingerprint(self) -> str:
        """Digest of the test split's pictures and captions. Raises `DataError`."""
        return self.source.fingerprint()

    def samples(self, split: str = "test") -> list[Sample]:
        """The captioned pictures of a split, in the order of the source. Raises `DataError`, `UsageError`."""
        if split not in self.info.splits:
            raise UsageError(f"{self.info.name} has no split {split!r}; it has {', '.join(self.info.splits)}")
        return [
            Sample(id=row.id, parts=(row.image, *row.captions), group=row.id, slices=_NO_SLICES, meta=_NO_META)
            for row in self.source.rows(split)
        ]

    def requests(self, sample: Sample) -> list[Request]:
        """One `Embed` for the picture, then one for each caption."""
        return [Embed(part=part) for part in sample.parts]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """Two tables: ``query_i2t``, a row for each picture, and ``query_t2i``, a row for each caption.

        A response that is not ok, or whose vector is zero, not finite or of another length than most, failed. A failed
        item fails its own query and those that should find it; the gallery goes without it, and the table is marked.
        """
        from mmbench.tasks.retrieval.scoring import score_tables

        return score_tables(samples, responses, KS)

    def solve(self, sample: Sample, request: Request) -> Output:
        """A unit vector, float32 [128], pseudo-random by the sample's id, for the picture and all its captions."""
        import numpy as np

        vector = np.random.default_rng(derive_seed("retrieval oracle", sample.id)).standard_normal(_ORACLE_DIM)
        return cast("Output", (vector / np.linalg.norm(vector)).astype(np.float32))

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """What a model gets that embeds everything alike, ties in random order: metric id to expected value."""
        from mmbench.tasks.retrieval.scoring import chance_values

        return chance_values([[len(sample.parts) - 1 for sample in samples]], self.metrics, KS) if samples else {}
