"""A task of the family `retrieval`: images find their captions, captions their image, by the model's embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from mmbench.core import (
    CardTask,
    DataError,
    Embed,
    Metric,
    Output,
    Request,
    Response,
    Sample,
    ScoreTable,
    derive_seed,
)
from mmbench.data import Captioned
from mmbench_tasks.retrieval.card import RetrievalCard

if TYPE_CHECKING:
    from mmbench.metrics import Protocol as Gallery
    from mmbench.metrics import Ties

KS = (1, 5, 10)
"""The cut-offs."""
_ORACLE_DIM = 128


class RetrievalTask(CardTask[RetrievalCard]):
    """A sample is an image with its captions; every part is embedded, and all parts of one kind are one gallery.

    Embeddings are L2-normalised in float32 and compared by dot product. Errors cluster by image.

    Options: ``ties``, where positives stand among what ties with them (``expected``, the default: the mean over random
    orders; ``optimistic``: before, ``pessimistic``: after); ``protocol``, what a gallery is (``all``, the default, or
    ``1k``: the mean over five folds of 1,000 images and their captions, in the order of the dataset).
    """

    request_kinds = frozenset({"embed"})
    scoring_options = ("ties", "protocol")

    def __init__(self, card: RetrievalCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.ties: Ties = self.options.get("ties", "expected")
        self.protocol: Gallery = self.options.get("protocol", "all")

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``ties`` and ``protocol``."""
        from mmbench.metrics import PROTOCOLS, TIES

        return {"ties": TIES, "protocol": PROTOCOLS}

    @property
    def primary(self) -> tuple[str, ...]:
        """Hit rates and the median rank of captions by image, recall and the median rank of images by caption."""
        from mmbench.metrics import PROTOCOLS, hit_rate, median_rank, recall

        convention = {"ties": self.ties, "protocol": PROTOCOLS[self.protocol]}
        i2t, t2i = {"direction": "i2t", **convention}, {"direction": "t2i", **convention}
        hits, recalls = [hit_rate(k=k, **i2t) for k in KS], [recall(k=k, **t2i) for k in KS]
        return tuple(str(metric.id) for metric in (*hits, median_rank(**i2t), *recalls, median_rank(**t2i)))

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those of `mmbench.metrics.retrieval`, from picture to text and from text to picture."""
        from mmbench.metrics import retrieval_metrics

        i2t, t2i = (retrieval_metrics(way, KS, ties=self.ties, protocol=self.protocol) for way in ("i2t", "t2i"))
        return [*i2t, *t2i]

    def samples(self, split: str = "test") -> list[Sample]:
        """The captioned images of a split, in the order of the source. Raises `DataError`, `UsageError`.

        Under the protocol ``1k`` their ``meta`` has the number of the fold, from 0.
        """
        samples = super().samples(split)
        if self.protocol == "all":
            return samples
        from mmbench.metrics import folds_of_images

        try:
            folds = folds_of_images(len(samples))
        except ValueError as error:
            raise DataError(f"{self.card.name}: {error}") from error
        return [replace(sample, meta={"fold": fold}) for sample, fold in zip(samples, folds, strict=True)]

    def sample(self, row: Captioned) -> Sample:
        """One image and its captions; a line of text stands for an image that is not there."""
        parts = (row.shown, *row.captions)
        return Sample(row.id, parts, group=row.group or row.id, slices=row.slices, meta=row.meta)

    def requests(self, sample: Sample) -> list[Request]:
        """One `Embed` for the picture, then one for each caption."""
        return [Embed(part=part) for part in sample.parts]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """Two tables: ``query_i2t``, a row for each picture, and ``query_t2i``, a row for each caption.

        Under the protocol ``1k`` every fold is ranked by itself.

        A response that is not ok, or whose vector is zero, not finite or of another length than most, failed. A failed
        item fails its own query and those that should find it; the gallery goes without it, and the table is marked.
        """
        from mmbench_tasks.retrieval.scoring import folded_tables, score_tables

        score = score_tables if self.protocol == "all" else folded_tables
        return score(samples, responses, KS, self.ties, normalise=self.card.normalise)

    def solve(self, sample: Sample, request: Request) -> Output:
        """A unit vector, float32 [128], pseudo-random by the sample's id, for the picture and all its captions."""
        import numpy as np

        vector = np.random.default_rng(derive_seed("retrieval oracle", sample.id)).standard_normal(_ORACLE_DIM)
        return cast("Output", (vector / np.linalg.norm(vector)).astype(np.float32))

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """What a model gets that embeds everything alike, ties in random order: metric id to expected value."""
        from mmbench_tasks.retrieval.scoring import chance_values

        galleries: dict[int, list[int]] = {}
        for sample in samples:
            galleries.setdefault(sample.meta.get("fold", 0), []).append(len(sample.parts) - 1)
        folded = self.protocol != "all"
        return chance_values(list(galleries.values()), self.metrics, KS, folded=folded) if samples else {}
