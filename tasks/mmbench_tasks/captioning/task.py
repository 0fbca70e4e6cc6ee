"""A task of the family `captioning`: an image is described, and the description compared with those of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmbench.core import (
    FAILED,
    CardTask,
    Metric,
    Part,
    Prompt,
    Request,
    Response,
    Sample,
    ScoreStatus,
    ScoreTable,
    UnknownNameError,
    sample_table,
    status_of,
)
from mmbench.data import Captioned
from mmbench_tasks.captioning.card import CaptioningCard
from mmbench_tasks.captioning.prompts import PROMPTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[np.float64]]

UNIT = "sample"
"""What a row of the table is."""
PRIMARY = ("bleu@4", "rouge_l", "cider_d")
"""What stands in the main table."""
ALSO = ("meteor", "spice")
"""What can be asked for beside."""


class CaptioningTask(CardTask[CaptioningCard]):
    """Images to describe; the references are the captions of each image.

    BLEU, ROUGE-L and CIDEr-D are those of the official COCO scorer (`mmbench.metrics.captions`). Document frequencies of
    CIDEr-D are counted over the references of all images that are scored, failed ones included. A model that refuses
    or writes nothing gets what an empty caption gets; a model that fails on an image is not scored on it.

    Options: ``prompt``, by name; ``also`` the metrics ``meteor``, ``spice`` or ``meteor,spice``, which run in Java and
    take what `mmbench.metrics.captions.java` says.
    """

    scoring_options = ("also",)
    prompt: Prompt

    def __init__(self, card: CaptioningCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.prompt = PROMPTS.find(self.option("prompt"))
        self.also = frozenset(_names(self.options.get("also", ())))

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``prompt`` and ``also``."""
        return {"prompt": PROMPTS.option, "also": _checked_also}

    @property
    def primary(self) -> tuple[str, ...]:
        """The metrics of the main table, and those that were also asked for."""
        return (*PRIMARY, *(name for name in ALSO if name in self.also))

    @property
    def metrics(self) -> Sequence[Metric]:
        """BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D, and those that were also asked for."""
        from mmbench.metrics import caption_metrics

        return caption_metrics(with_meteor="meteor" in self.also, with_spice="spice" in self.also)

    def sample(self, row: Captioned) -> Sample:
        """One captioned image; a line of text stands for an image that is not there."""
        return Sample(row.id, (row.shown,), row.captions, group=row.group, slices=row.slices, meta=row.meta)

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`: the image, then the prompt."""
        return [self.asked(sample)]

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The image, then the prompt."""
        return (*sample.parts, self.prompt.render("text"))

    @property
    def prompt_text(self) -> str:
        """The prompt in force, with its template."""
        return self.prompt.stated(repr(self.prompt.template("text")))

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """One table, ``sample``, with a row for each picture in their order and a column for each of the metrics.

        The set is scored as a whole: what CIDEr-D gives for a caption depends on the references of all pictures.
        """
        from mmbench.metrics import caption_remarks

        status: list[ScoreStatus] = []
        captions: list[str | None] = []
        explanations: list[str | None] = []
        for response, *_ in responses:
            ended, caption, why = _read(response)
            status.append(ended)
            captions.append(caption)
            explanations.append(why)
        columns, found = self.columns(samples, captions)
        answers = [caption or None for caption in captions]
        reasons = [reason or more for reason, more in zip(explanations, found, strict=True)]
        remarks = caption_remarks(captions, [sample.references for sample in samples])
        made = sample_table(samples, status, columns, answers)
        return {UNIT: replace(made, explanations=reasons, remarks=remarks)}

    def columns(
        self, samples: Sequence[Sample], captions: Sequence[str | None]
    ) -> tuple[Columns, Sequence[str | None]]:
        """The columns of the table, and for each row what must be said of it.

        Parameters: `captions[i]`, what was written about `samples[i]`; empty where the model refused or wrote nothing,
        None where it failed.
        """
        from mmbench.metrics import caption_columns

        references = [sample.references for sample in samples]
        columns = caption_columns(captions, references)
        if self.also:
            from mmbench.metrics import meteor_columns, spice_columns

            columns |= meteor_columns(captions, references) if "meteor" in self.also else {}
            columns |= spice_columns(captions, references) if "spice" in self.also else {}
        return columns, [None] * len(samples)

    def ceiling(self, samples: Sequence[Sample]) -> dict[str, float]:
        """CIDEr-D of the answers of `solve`: 10 is out of reach where the references of a picture differ."""
        from mmbench.metrics import caption_columns

        references = [sample.references for sample in samples]
        columns = caption_columns([texts[0] for texts in references], references)
        return {"cider_d": float(columns["cider_d"].mean())} if references else {}


def _checked_also(value: Any) -> Any:
    for name in _names(value):
        if name not in ALSO:
            raise UnknownNameError("also", str(name), ALSO, hint=f"There are: {', '.join(ALSO)}.")
    return value


def _names(value: Any) -> list[Any]:
    """The names in the value of an option: a list, or a text with commas."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",")]
    return list(value) if isinstance(value, list | tuple) else [value]


def _read(response: Response) -> tuple[ScoreStatus, str | None, str | None]:
    """Status, caption and explanation."""
    failed = FAILED.get(response.status)
    if failed == "error":
        return failed, None, response.error
    if failed is not None:
        return failed, "", response.error
    text = response.output if isinstance(response.output, str) else ""
    if not text.strip():
        return status_of(response, "unparsed"), "", response.error or "the caption is empty"
    return status_of(response, "scored"), text, response.error
