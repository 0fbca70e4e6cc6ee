"""Two or three coloured shapes in a row, with five captions a picture; right and wrong can be told. Generated, no download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from mmbench.core import ONES, Metric, Sample
from mmbench.data import Captioned
from mmbench.metrics import MetricMaker, exact_match
from mmbench_tasks.captioning.card import CaptioningCard
from mmbench_tasks.captioning.facts import judge, truth
from mmbench_tasks.captioning.task import CaptioningTask
from mmbench_tasks.scenes.captions import families
from mmbench_tasks.scenes.scene import scene_media
from mmbench_tasks.scenes.tasks import FACTS, Scenes, SceneTask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmbench_tasks.captioning.task import Columns

attribute_accuracy = MetricMaker(
    "attribute_accuracy",
    description="How many of an image's facts a caption states, however it is worded: coloured shapes and their order. "
    "Statements that are wrong cost as much as facts that are missing.",
    columns=("attribute_accuracy", ONES),
    formula="mean over samples of (facts stated and true) / (facts stated or true)",
    source="mmbench_tasks.captioning.facts",
)


class SceneCaptioningTask(SceneTask, CaptioningTask):
    """Captions of scenes, all of whose right wordings are known.

    Beside the metrics of captions it counts the captions that equal one of the five right ones after the official
    tokenisation, and measures how many of the facts of the picture a caption states, however it is worded
    (`mmbench_tasks.captioning.facts`). Errors cluster by family: four pictures that whoever does not look cannot tell
    apart.
    """

    @property
    def primary(self) -> tuple[str, ...]:
        """Those of captions; exact match and attribute accuracy, too."""
        return (*super().primary, "exact_match", "attribute_accuracy")

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those of captions, exact match and attribute accuracy."""
        return [
            *super().metrics,
            exact_match(),
            attribute_accuracy(),
        ]

    def columns(
        self, samples: Sequence[Sample], captions: Sequence[str | None]
    ) -> tuple[Columns, Sequence[str | None]]:
        """Those of captions, ``exact_match`` and ``attribute_accuracy``; for each row, the facts that are not right."""
        import numpy as np

        columns, notes = super().columns(samples, captions)
        judged = [
            None if caption is None else judge(caption, sample.meta["truth"])
            for caption, sample in zip(captions, samples, strict=True)
        ]
        columns["exact_match"] = exact_matches(captions, [sample.references for sample in samples])
        columns["attribute_accuracy"] = np.array([0.0 if one is None else one.value for one in judged])
        said = [
            "; ".join(filter(None, (one.explanation if one else None, note))) or None
            for one, note in zip(judged, notes, strict=True)
        ]
        return columns, said


def exact_matches(captions: Sequence[str | None], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """1 where a caption equals one of its references after the official tokenisation, else 0: float64 [n].

    >>> exact_matches(["A red ring.", "a ring", None], [["a red ring"]] * 3).tolist()
    [1.0, 0.0, 0.0]
    """
    import numpy as np

    from mmbench.metrics import tokenize_captions

    texts = {caption for caption in captions if caption is not None}
    texts.update(reference for right in references for reference in right)
    ordered = sorted(texts)
    tokenised = dict(zip(ordered, tokenize_captions(ordered), strict=True))
    return np.array(
        [
            float(caption is not None and tokenised[caption] in {tokenised[reference] for reference in right})
            for caption, right in zip(captions, references, strict=True)
        ]
    )


@lru_cache(maxsize=16)
def _slices(shapes: int, relation: str) -> dict[str, str]:
    return {"shapes": str(shapes), "row": "left to right" if relation == "left of" else "top to bottom"}


@lru_cache(maxsize=4)
def described(split: str, size: int) -> tuple[Captioned, ...]:
    """The captioned images of ``test``, ``train`` or ``val``, families together.

    ``test-0041-3`` is the last of the four images of family 41. What an image shows is ``meta["truth"]``.
    """
    return tuple(
        Captioned(
            picture.id,
            scene_media(picture.scene, size),
            picture.row.captions(),
            family.id,
            _slices(len(picture.row.shapes), picture.row.axis.relation),
            {"truth": truth(picture)},
        )
        for family in families(split)
        for picture in family.pictures
    )


CARD = CaptioningCard(
    name="captioning/scenes",
    description="1,000 pictures of two or three shapes in a row, five captions each; the same words describe four of them",
    source=Scenes(described),
    prompt="shapes-v1",
    **FACTS,
)
task = SceneCaptioningTask(CARD)
