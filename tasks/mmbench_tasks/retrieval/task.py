"""A task of the family `retrieval`: pictures find their captions, captions their picture, by the model's embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from mmbench.core import (
    DataError,
    DatasetInfo,
    Embed,
    Metric,
    Request,
    Response,
    Sample,
    ScoreTable,
    TaskInfo,
    UnknownNameError,
    UsageError,
    derive_seed,
)
from mmbench.core.responses import Output
from mmbench.core.samples import Part

if TYPE_CHECKING:
    from mmbench.metrics import Protocol as Gallery
    from mmbench.metrics import Ties

KS = (1, 5, 10)
"""The cut-offs."""
_NO_META: Mapping[str, Any] = {}
_NO_SLICES: Mapping[str, str] = {}
_ORACLE_DIM = 128


class CaptionedImage(Protocol):
    """A picture and its captions, such as `mmbench.data.Captioned`."""

    @property
    def id(self) -> str:
        """Unique within the data set."""

    @property
    def image(self) -> Part:
        """The picture; a line of text stands for one that is not there."""

    @property
    def captions(self) -> tuple[str, ...]:
        """At least one."""


class CaptionSource(Protocol):
    """What gives the captioned pictures of a data set."""

    def rows(self, split: str) -> Sequence[CaptionedImage]:
        """The captioned pictures of a split, in a stable order. Raises `DataError`."""

    def fingerprint(self) -> str:
        """Digest of the pictures and captions of the test split. Raises `DataError`."""


def retrieval_info(
    name: str, description: str, dataset: DatasetInfo, *, version: str = "1", splits: tuple[str, ...] = ("test",)
) -> TaskInfo:
    """The `TaskInfo` of a retrieval task.

    Parameters: `name`, the full name; `description`, one line; `dataset`, `version` and `splits` as in `TaskInfo`.
    """
    return TaskInfo(
        name=name,
        version=version,
        description=description,
        dataset=dataset,
        request_kinds=frozenset({"embed"}),
        primary=_primary(""),
        splits=splits,
        languages=(),
    )


def _primary(convention: str) -> tuple[str, ...]:
    """Ids of the metrics of the main table. `convention` follows the direction, such as ``,ties=optimistic``."""
    i2t, t2i = (f"(direction={direction}{convention})" for direction in ("i2t", "t2i"))
    hits, recalls = [f"hit_rate@{k}{i2t}" for k in KS], [f"recall@{k}{t2i}" for k in KS]
    return (*hits, f"median_rank{i2t}", *recalls, f"median_rank{t2i}")


class RetrievalTask:
    """A sample is a picture with its captions; every part is embedded, and all parts of one kind are one gallery.

    Embeddings are L2-normalised in float32 and compared by dot product. Errors cluster by picture.

    Options: ``ties``, where positives stand among what ties with them (``expected``, the default: the mean over random
    orders; ``optimistic``: before, ``pessimistic``: after); ``protocol``, what a gallery is (``all``, the default, or
    ``1k``: the mean over five folds of 1,000 pictures and their captions, in the order of the data set).
    """

    def __init__(
        self,
        info: TaskInfo,
        source: CaptionSource,
        *,
        ties: Ties = "expected",
        protocol: Gallery = "all",
        normalise: bool = True,
    ) -> None:
        """Parameters: `ties` and `protocol` as above; `normalise`, False for embeddings that are unit vectors as given."""
        self.info = info
        self.source = source
        self.ties = ties
        self.protocol = protocol
        self.normalise = normalise

    def with_options(self, **options: Any) -> RetrievalTask:
        """The task under another rule for ties or another protocol. Raises `UsageError`."""
        from mmbench.metrics import PROTOCOLS, TIES, mrr

        known: Mapping[str, Sequence[str]] = {"ties": TIES, "protocol": tuple(PROTOCOLS)}
        for option, value in options.items():
            if option not in known:
                hint = f"There are: {', '.join(known)}."
                raise UnknownNameError(f"option of {self.info.name}", option, known, hint=hint)
            if value not in known[option]:
                raise UnknownNameError(
                    option, str(value), known[option], hint=f"There are: {', '.join(known[option])}."
                )
        ties: Ties = options.get("ties", TIES[0])
        protocol: Gallery = options.get("protocol", "all")
        convention = str(mrr(direction="x", ties=ties, protocol=PROTOCOLS[protocol]).id).removeprefix(
            "mrr(direction=x"
        )[:-1]
        info = replace(self.info, options=options, primary=_primary(convention))
        return RetrievalTask(info, self.source, ties=ties, protocol=protocol, normalise=self.normalise)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those of `mmbench.metrics.retrieval`, from picture to text and from text to picture."""
        from mmbench.metrics import retrieval_metrics

        i2t, t2i = (retrieval_metrics(way, KS, ties=self.ties, protocol=self.protocol) for way in ("i2t", "t2i"))
        return [*i2t, *t2i]

    def fingerprint(self) -> str:
        """Digest of the test split's pictures and captions. Raises `DataError`."""
        return self.source.fingerprint()

    def samples(self, split: str = "test") -> list[Sample]:
        """The captioned pictures of a split, in the order of the source. Raises `DataError`, `UsageError`.

        Under the protocol ``1k`` their ``meta`` has the number of the fold, from 0.
        """
        if split not in self.info.splits:
            raise UsageError(f"{self.info.name} has no split {split!r}; it has {', '.join(self.info.splits)}")
        rows = self.source.rows(split)
        return [
            Sample(id=row.id, parts=(row.image, *row.captions), group=row.id, slices=_NO_SLICES, meta=meta)
            for row, meta in zip(rows, self._meta(len(rows)), strict=True)
        ]

    def _meta(self, pictures: int) -> Sequence[Mapping[str, Any]]:
        if self.protocol == "all":
            return [_NO_META] * pictures
        from mmbench.metrics import folds_of_images

        try:
            return [{"fold": fold} for fold in folds_of_images(pictures)]
        except ValueError as error:
            raise DataError(f"{self.info.name}: {error}") from error

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
        return score(samples, responses, KS, self.ties, normalise=self.normalise)

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
