"""A tiny task in memory: questions about the colour of a square. Models are probed with it, and fitted to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from mmbench.core import (
    Choose,
    DatasetInfo,
    Embed,
    Generate,
    Media,
    Metric,
    PerSampleTask,
    Request,
    Response,
    Sample,
    SampleScore,
    ScoreTable,
    TaskInfo,
    UsageError,
)
from mmbench.core.requests import RequestKind
from mmbench.core.responses import Output

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "black": (0, 0, 0),
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "green": (0, 160, 0),
    "magenta": (255, 0, 255),
    "red": (255, 0, 0),
    "white": (255, 255, 255),
    "yellow": (255, 255, 0),
}
"""Name to red, green and blue, 0 to 255."""
_YES_NO = ("no", "yes")
_SPLITS = {"test": 0, "train": 1, "val": 3}
_PLACES = {"test": 1, "train": 2, "val": 1}
"""How many images of each colour a split has; each shows the square at a place of its own."""
_GREY = 128


class ProbeTask(PerSampleTask):
    """Eight colours, one square an image, two questions about each: 16 samples in test, 32 in train, 16 in val.

    Parameters: `kind`, what it asks: ``generate`` and ``choose`` put the question with its closed set of answers,
    ``embed`` asks for vectors of the image and of one phrase a colour, and the nearest phrase is the answer; `size`,
    the images' height and width in pixels, at least 8; `pictured`, show the squares: else a sentence names their colour,
    for models that take no images.
    """

    columns = ("accuracy",)

    def __init__(self, kind: RequestKind = "generate", size: int = 8, *, pictured: bool = True) -> None:
        if size < 8:
            raise ValueError(f"size {size}: expected at least 8 pixels")
        self.kind = kind
        self.size = size
        self.pictured = pictured

    @property
    def info(self) -> TaskInfo:
        """What it is."""
        return TaskInfo(
            name=f"probe/{self.kind}",
            version="1",
            description="which colour a square has",
            dataset=DatasetInfo(name="probe", revision="1", licence="CC0-1.0", citation="made by mmbench.testing"),
            request_kinds=frozenset({self.kind}),
            primary=("accuracy",),
            splits=tuple(_SPLITS),
            prompt="probe-v1: '{question} Answer with one of: {choices}.'" if self.kind != "embed" else None,
            extractor="whole-text-v1" if self.kind == "generate" else None,
            closed_answers=self.kind == "generate",
            modalities=("image", "text") if self.pictured else ("text",),
            options={"size": self.size},
        )

    @property
    def metrics(self) -> Sequence[Metric]:
        """Accuracy."""
        from mmbench.metrics.formulas import mean_metric

        return [mean_metric("accuracy", "sample", "accuracy")]

    def fingerprint(self) -> str:
        """Digest of the test questions, answers and images."""
        from mmbench.data import dataset_digest

        return dataset_digest(
            text if isinstance(text, str) else text.digest
            for sample in self.samples()
            for text in (sample.id, *sample.parts, *sample.references, *(sample.choices or ()))
        )

    def samples(self, split: str = "test") -> list[Sample]:
        """The questions of a split. Raises `UsageError` for a split that it does not have."""
        if split not in _SPLITS:
            raise UsageError(f"{self.info.name} has no split {split!r}; it has {', '.join(_SPLITS)}")
        return [
            sample
            for place in range(_SPLITS[split], _SPLITS[split] + _PLACES[split])
            for number in range(len(COLOURS))
            for sample in self._about(split, number, place)
        ]

    def _about(self, split: str, number: int, place: int) -> Iterator[Sample]:
        names = list(COLOURS)
        colour = names[number]
        other = names[(number + place + 1) % len(names)] if number % 2 else colour
        shown = square(COLOURS[colour], place, self.size) if self.pictured else f"The square is {colour}."
        questions = [("colour", "What colour is the square?", tuple(COLOURS), colour)]
        if self.kind != "embed":
            right = _YES_NO[other == colour]
            questions.append(("yes/no", f"Is the square {other}?", _YES_NO, right))
        for kind, question, choices, answer in questions:
            yield Sample(
                id=f"{split}-{colour}-{place}-{kind.partition('/')[0]}",
                parts=(shown, question),
                references=(answer,),
                choices=choices,
                group=f"{split}-{colour}-{place}",
                slices={"type": kind},
            )

    def requests(self, sample: Sample) -> list[Request]:
        """One question, or the image and a phrase for each choice to embed."""
        shown, question = sample.parts
        choices = sample.choices or ()
        if self.kind == "embed":
            return [Embed(part=shown), *(Embed(part=f"a {choice} square") for choice in choices)]
        text = f"{question} Answer with one of: {', '.join(choices)}."
        if self.kind == "choose":
            return [Choose(parts=(shown, text), choices=choices)]
        return [Generate(parts=(shown, text), max_new_tokens=16, choices=choices)]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """One table, ``sample``; ties among the best choices share the answer."""
        if self.kind == "embed":
            responses = [[_nearest(answered)] for answered in responses]
        return super().score(samples, responses)

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        """1 for the right answer, 0 for a wrong one."""
        answer = str(response.output).strip().casefold()
        if answer not in (sample.choices or ()):
            return SampleScore({"accuracy": 0.0}, "unparsed")
        return SampleScore({"accuracy": float(answer in sample.references)}, answer=answer)

    def solve(self, sample: Sample, request: Request) -> Output:
        """The right answer; for an embedding, one number a colour: 1 where it shows or names that colour."""
        if isinstance(request, Embed):
            shown = sample.references[0] if isinstance(request.part, Media) else request.part
            return [float(colour in shown) for colour in COLOURS]
        return super().solve(sample, request)

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Expected accuracy of a uniformly random choice."""
        shares = [1 / len(sample.choices) for sample in samples if sample.choices]
        return {"accuracy": sum(shares) / len(shares)} if shares else {}


@lru_cache(maxsize=256)
def square(colour: tuple[int, int, int], place: int, size: int) -> Media:
    """A grey image of `size` pixels, uint8 [size, size, 3], with a square of half its size at one of five places."""
    import numpy as np

    from mmbench.data import image_from_array

    pixels = np.full((size, size, 3), _GREY, dtype=np.uint8)
    half = size // 2
    row, column = [(0, 0), (0, half), (half, 0), (half, half), (half // 2, half // 2)][place]
    pixels[row : row + half, column : column + half] = colour
    return image_from_array(pixels)


def _nearest(responses: Sequence[Response]) -> Response:
    """One response from those for the image and the phrases: the phrases' cosine similarities, or the first failure."""
    import numpy as np

    failed = next((response for response in responses if response.status != "ok"), None)
    if failed is not None:
        return Response("error", error=failed.error or f"an embedding ended with status {failed.status}")
    vectors = np.asarray([response.output for response in responses], dtype=np.float64)
    norms = np.linalg.norm(vectors, axis=1)
    if not norms.all():
        return Response("error", error="an embedding is zero and has no direction")
    unit = vectors / norms[:, None]
    return Response("ok", np.round(unit[1:] @ unit[0], 9).tolist())
