"""What is asked under load: the samples of the task, drawn texts and images, or a trace."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

from mmbench.core.errors import UsageError
from mmbench.core.ids import derive_seed
from mmbench.core.media import Media
from mmbench.core.requests import Generate, Request, identify

if TYPE_CHECKING:
    from mmbench.runner.plan.task_plan import TaskPlan

MOST_PROMPTS = 4096
"""Prompts that are taken from the samples of a task."""
_DRAWN_BYTES = 1 << 28
"""Bytes of drawn images that are kept; with more requests than fit, images are used again, behind another text."""
_MOST_TOKENS = 1 << 20
"""Words and new tokens of a drawn request, at most."""
_RANDOM = re.compile(r"random-mm:(\d{1,9})x(\d{1,9})((?:,[a-z]+=\d{1,9})*)")
_WORDS = [
    "time",
    "year",
    "people",
    "way",
    "day",
    "man",
    "thing",
    "woman",
    "life",
    "child",
    "world",
    "school",
    "state",
    "family",
    "student",
    "group",
    "country",
    "problem",
    "hand",
    "part",
    "place",
    "case",
    "week",
    "company",
    "system",
    "program",
    "question",
    "work",
    "night",
    "point",
    "home",
    "water",
    "room",
    "mother",
    "area",
    "money",
    "story",
    "fact",
    "month",
    "lot",
    "right",
    "study",
    "book",
    "eye",
    "job",
    "word",
    "business",
    "issue",
    "side",
    "kind",
    "head",
    "house",
    "service",
    "friend",
    "father",
    "power",
    "hour",
    "game",
    "line",
    "end",
    "member",
]
"""Common words, about one token each for most tokenizers."""
FORMS = "random-mm:WIDTHxHEIGHT[,images=N][,in=TOKENS][,out=TOKENS], or a JSON Lines file"


class _TraceLine(msgspec.Struct):
    """One line of a trace; fields of other tools are left alone."""

    prompt: str
    image_files: list[str] = []
    output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    arrival_s: float | None = None


class Prompts(NamedTuple):
    """What is asked."""

    requests: list[Request]
    """In the order in which they are asked; asked over and over."""
    arrivals: tuple[float, ...] = ()
    """When each arrives, in seconds from the first; empty where nobody says."""


@dataclass(frozen=True, slots=True)
class RandomMultimodal:
    """Drawn prompts: noise images and common words."""

    width: int
    """Of an image, in pixels."""
    height: int
    """Of an image, in pixels."""
    images: int = 1
    """Images a request."""
    words: int = 256
    """Words a request, about as many tokens."""
    new_tokens: int = 128
    """The most that may be written."""

    @classmethod
    def read(cls, text: str) -> RandomMultimodal:
        """Read ``random-mm:512x512,images=2,in=256,out=128``. Raises `UsageError`."""
        matched = _RANDOM.fullmatch(text)
        given = dict(pair.split("=") for pair in matched[3].split(",") if pair) if matched else {}
        if matched is None or not set(given) <= {"images", "in", "out"}:
            raise UsageError(f"--workload {text!r}: expected {FORMS}")
        made = cls(
            int(matched[1]),
            int(matched[2]),
            int(given.get("images", 1)),
            int(given.get("in", 256)),
            int(given.get("out", 128)),
        )
        if min(made.width, made.height, made.words, made.new_tokens) < 1 or max(made.width, made.height) > 16384:
            raise UsageError(f"--workload {text!r}: sizes and counts begin at 1, and images end at 16384 pixels a side")
        if made.images * made.width * made.height > _DRAWN_BYTES or max(made.words, made.new_tokens) > _MOST_TOKENS:
            raise UsageError(
                f"--workload {text!r}: a request has {_DRAWN_BYTES:,} pixels in all its images at most, and {_MOST_TOKENS:,} "
                "tokens to read or to write"
            )
        return made

    def prompts(self, count: int, seed: int) -> list[Request]:
        """Draw so many; the same seed draws the same."""
        drawn = random.Random(derive_seed(seed, "random-mm"))
        distinct = max(1, min(count, _DRAWN_BYTES // (self.width * self.height) // max(1, self.images)))
        pictures = [[self._image(seed, number, k) for k in range(self.images)] for number in range(distinct)]
        made: list[Request] = []
        for number in range(count):
            text = " ".join([f"{number}", *(drawn.choice(_WORDS) for _ in range(self.words - 1))])
            request = Generate(parts=(*pictures[number % distinct], text), max_new_tokens=self.new_tokens)
            identify([request], "random-mm", str(number), seed)
            made.append(request)
        return made

    def _image(self, seed: int, number: int, k: int) -> Media:
        from io import BytesIO

        import numpy as np
        from PIL import Image

        from mmbench.data.fingerprint import image_from_bytes

        draw = np.random.default_rng(derive_seed(seed, "random-mm image", number, k))
        pixels = draw.integers(0, 256, (self.height, self.width, 3), dtype=np.uint8)
        encoded = BytesIO()
        Image.fromarray(pixels).save(encoded, "JPEG", quality=75)
        return image_from_bytes(encoded.getvalue())


def read_trace(path: Path, count: int, seed: int) -> Prompts:
    """Read a trace: JSON Lines with ``prompt``, and where wanted ``image_files``, ``output_tokens`` and ``arrival_s``.

    Args:
        path: The file; images are relative to its folder.
        count: Lines that are read at most.
        seed: Of the run.

    Raises:
        UsageError: If a line is no JSON object, has no prompt, or names an image that is not there.
    """
    from mmbench.data.fingerprint import image_from_file

    requests: list[Request] = []
    arrivals: list[float] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--workload {path}: it cannot be read ({error})") from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or len(requests) == count:
            continue
        where = f"{path}, line {number}"
        try:
            row = msgspec.json.decode(line, type=_TraceLine)
        except msgspec.MsgspecError as error:
            raise UsageError(f"{where}: {error}; expected prompt, image_files, output_tokens, arrival_s") from None
        files = [path.parent / name for name in row.image_files]
        for file in files:
            if not file.is_file():
                raise UsageError(f"{where}: there is no image {str(file)!r}")
        request = Generate(parts=(*map(image_from_file, files), row.prompt), max_new_tokens=row.output_tokens or 128)
        identify([request], "trace", str(number), seed)
        requests.append(request)
        if row.arrival_s is not None:
            arrivals.append(row.arrival_s)
    if not requests:
        raise UsageError(f"--workload {path}: there is no line in it")
    if arrivals and (len(arrivals) != len(requests) or arrivals != sorted(arrivals)):
        raise UsageError(
            f"--workload {path}: arrival_s must be in every line or in none, and no line may arrive before the one above it"
        )
    first = arrivals[0] if arrivals else 0.0
    return Prompts(requests, tuple(at - first for at in arrivals))


def count_of_samples(plan: TaskPlan, count: int) -> int:
    """Prompts that `of_samples` takes."""
    return min(count, sum(len(pool) for pool in plan.pools.values()), MOST_PROMPTS)


def of_samples(plan: TaskPlan, count: int) -> Prompts:
    """The requests of a task, spread evenly over its samples where there are more than `count`; repeats left out."""
    numbers = sorted(number for pool in plan.pools.values() for number in pool)
    count = count_of_samples(plan, count)
    return Prompts(plan.requests([numbers[i * len(numbers) // count] for i in range(count)]))


def prompts_of(plan: TaskPlan, workload: str | None, count: int, seed: int) -> Prompts:
    """The prompts of a scenario.

    Args:
        plan: The task.
        workload: As given; None: the task's samples.
        count: Prompts at most.
        seed: Of the run.

    Raises:
        UsageError: For a workload that cannot be read.
    """
    if workload is None:
        return of_samples(plan, count)
    if is_drawn(workload):
        return Prompts(RandomMultimodal.read(workload).prompts(count, seed))
    return read_trace(Path(workload), count, seed)


def read_trace_at(workload: str | None, count: int, seed: int) -> Prompts | None:
    """The trace that a workload names; None where it is none. Raises `UsageError`."""
    check_workload(workload)
    if workload is None or is_drawn(workload):
        return None
    return read_trace(Path(workload), count, seed)


def is_drawn(workload: str) -> bool:
    """Whether a workload, or its name, is that of drawn prompts."""
    return workload.startswith("random-mm")


def name_of(workload: str | None) -> str:
    """What a workload is called in the identity of figures: a trace by the name of its file and its content."""
    if workload is None or is_drawn(workload):
        return workload or "samples"
    path = Path(workload)
    return f"{path.name}@{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def check_workload(workload: str | None) -> None:
    """Refuse a workload that is neither a form nor a file, before anything is drawn or asked. Raises `UsageError`."""
    if workload is None:
        return
    if is_drawn(workload):
        RandomMultimodal.read(workload)
    elif not Path(workload).is_file():
        raise UsageError(f"--workload {workload!r}: there is no such file; expected {FORMS}")
