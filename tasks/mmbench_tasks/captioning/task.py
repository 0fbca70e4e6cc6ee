"""A task of the family `captioning`: a picture is described, and the description compared with those of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from mmbench.core import (
    Generate,
    Metric,
    Request,
    Response,
    Sample,
    ScoreTable,
    TaskInfo,
    UnknownNameError,
    UsageError,
)
from mmbench.core.responses import Output
from mmbench.core.scores import ScoreStatus
from mmbench.core.task import FAILED
from mmbench_tasks.captioning.card import CaptioningCard, CaptionSource, Described
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
_NO_META: Mapping[str, Any] = {}
_NO_SLICES: Mapping[str, str] = {}


class CaptioningTask:
    """Pictures to describe, declared by a card and given by a source; the references are the captions of each picture.

    BLEU, ROUGE-L and CIDEr-D are those of the official COCO scorer (`mmbench.metrics.captions`). Document frequencies of
    CIDEr-D are counted over the references of all pictures that are scored, failed ones included. A model that refuses
    or writes nothing gets what an empty caption gets; a model that fails on a picture is not scored on it.
    """

    def __init__(self, card: CaptioningCard, source: CaptionSource, options: Mapping[str, Any] | None = None) -> None:
        self.card = card
        self.source = source
        self.options = dict(options or {})
        self.prompt = PROMPTS[self.options.get("prompt", card.prompt)]
        self.also = frozenset(_names(self.options.get("also", ())))

    def with_options(self, **options: Any) -> Self:
        """The task with another ``prompt``, by name, or ``also`` the metrics ``meteor``, ``spice`` or ``meteor,spice``.

        These two run in Java and take what `mmbench.metrics.captions.java` says. Raises `UsageError` for anything else.
        """
        for option, value in options.items():
            if option not in ("prompt", "also"):
                hint = "There are: prompt, also."
                raise UnknownNameError(f"option of {self.card.name}", option, ["prompt", "also"], hint=hint)
            known = PROMPTS if option == "prompt" else ALSO
            for name in _names(value) if option == "also" else [value]:
                if not isinstance(name, str) or name not in known:
                    raise UnknownNameError(option, str(name), known, hint=f"There are: {', '.join(known)}.")
        return type(self)(self.card, self.source, {**self.options, **options})

    @property
    def info(self) -> TaskInfo:
        """What the card says, with the prompt in force."""
        card = self.card
        return TaskInfo(
            name=card.name,
            version=card.version,
            description=card.description,
            dataset=card.dataset,
            request_kinds=frozenset({"generate"}),
            primary=(*PRIMARY, *(name for name in ALSO if name in self.also)),
            splits=card.splits,
            languages=card.languages,
            prompt=str(self.prompt),
            options=self.options,
        )

    @property
    def metrics(self) -> Sequence[Metric]:
        """BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D, and those that were also asked for."""
        from mmbench.metrics import caption_metrics

        return caption_metrics(with_meteor="meteor" in self.also, with_spice="spice" in self.also)

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known beside the values of the test split: why CIDEr-D is 0 where there is one picture."""
        from mmbench.metrics.captions.columns import one_image_note

        note = one_image_note([row.captions for row in self.source.rows("test")])
        return () if note is None else (note,)

    def fingerprint(self) -> str:
        """Digest of the test split's captions and pictures. Raises `DataError`."""
        return self.source.fingerprint()

    def samples(self, split: str = "test") -> list[Sample]:
        """The captioned pictures of a split, in the order of the source. Raises `DataError`, `UsageError`."""
        if split not in self.card.splits:
            raise UsageError(f"{self.card.name} has no split {split!r}; it has {', '.join(self.card.splits)}")
        return [self.sample(row) for row in self.source.rows(split)]

    def sample(self, row: Described) -> Sample:
        """One captioned picture; a line of text stands for a picture that is not there."""
        part = f"(picture {row.id}, not given)" if row.image is None else row.image
        return Sample(id=row.id, parts=(part,), references=row.captions, slices=_NO_SLICES, meta=_NO_META)

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`: the picture, then the prompt."""
        return [Generate(parts=(*sample.parts, self.prompt.text), max_new_tokens=self.prompt.max_new_tokens)]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """One table, ``sample``, with a row for each picture in their order and a column for each of the metrics.

        The set is scored as a whole: what CIDEr-D gives for a caption depends on the references of all pictures.
        """
        status: list[ScoreStatus] = []
        captions: list[str | None] = []
        explanations: list[str | None] = []
        for response, *_ in responses:
            ended, caption, why = _read(response)
            status.append(ended)
            captions.append(caption)
            explanations.append(why)
        columns, found = self.columns(samples, captions)
        table = ScoreTable(
            unit=UNIT,
            unit_ids=[sample.id for sample in samples],
            cluster_ids=[sample.cluster for sample in samples],
            status=status,
            columns=columns,
            slices={
                name: [sample.slices.get(name, "") for sample in samples]
                for name in sorted({name for sample in samples for name in sample.slices})
            },
            answers=[caption or None for caption in captions],
            explanations=[why or more for why, more in zip(explanations, found, strict=True)],
        )
        return {UNIT: table}

    def columns(
        self, samples: Sequence[Sample], captions: Sequence[str | None]
    ) -> tuple[Columns, Sequence[str | None]]:
        """The columns of the table, and for each row what must be said of it.

        Parameters: `captions[i]`, what was written about `samples[i]`; empty where the model refused or wrote nothing,
        None where it failed.
        """
        from mmbench.metrics.captions.columns import caption_columns, one_image_note

        references = [sample.references for sample in samples]
        columns = caption_columns(captions, references)
        if self.also:
            from mmbench.metrics.captions.java import meteor_columns, spice_columns

            columns |= meteor_columns(captions, references) if "meteor" in self.also else {}
            columns |= spice_columns(captions, references) if "spice" in self.also else {}
        return columns, [one_image_note(references)] * len(samples)

    def solve(self, sample: Sample, request: Request) -> Output:
        """The first of the captions: it gets 1 in BLEU and ROUGE-L; CIDEr-D compares it with the others, too."""
        del request
        return sample.references[0]

    def ceiling(self, samples: Sequence[Sample]) -> dict[str, float]:
        """CIDEr-D of the answers of `solve`: 10 is out of reach where the references of a picture differ."""
        from mmbench.metrics.captions.columns import caption_columns

        references = [sample.references for sample in samples]
        columns = caption_columns([texts[0] for texts in references], references)
        return {"cider_d": float(columns["cider_d"].mean())} if references else {}

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Empty: there is no uniform guess among all texts. What a caption that never looks gets is the control `prior`."""
        del samples
        return {}


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
        return "unparsed", "", "the caption is empty"
    return "scored", text, None
