"""Questions on shapes, colours and yes or no, about synthetic 64-pixel pictures (PyPI package easy-vqa)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec

from mmbench.core import DataError, Media, MissingExtraError
from mmbench.data import Question, dataset_digest, digest_file, held_out, images_from_files
from mmbench_tasks.vqa.card import VqaCard

NAME = "vqa/easy-vqa"
YES_NO = ("no", "yes")
SHAPES = ("circle", "rectangle", "triangle")
COLOURS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")
CHOICES = {"yes/no": YES_NO, "shape": SHAPES, "colour": COLOURS}
"""The data set's answers, by type of question."""
VAL_FRACTION = 0.1
"""Share of the official training pictures that make up the split val."""


def question_type(question: str) -> str:
    """``yes/no``, ``shape`` or ``colour``, by the words of the question.

    >>> question_type("what is the red shape?"), question_type("what color is the shape?")
    ('shape', 'colour')
    """
    if not question.startswith("what "):
        return "yes/no"
    return "colour" if "color" in question else "shape"


class EasyVqa:
    """The questions of the installed package `easy-vqa`.

    ``test`` is the official test part. The official training part is cut by picture into ``train`` and ``val``; the cut
    follows the pictures' digests alone. Ids hold the question's position in its official file.
    """

    def __init__(self) -> None:
        self._media: dict[str, dict[int, Media]] = {}

    @property
    def folder(self) -> Path:
        """The package's data. Raises `MissingExtraError` when it is not installed."""
        spec = find_spec("easy_vqa")
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtraError(NAME, "easy-vqa")
        return Path(spec.submodule_search_locations[0]) / "data"

    def rows(self, split: str) -> Iterator[Question]:
        """The questions of ``test``, ``train`` or ``val``, in their official order. Raises `DataError`."""
        part = "test" if split == "test" else "train"
        questions = self._questions(part)
        media = self._images(part, questions)
        wanted = {number: image for number, image in media.items() if split in ("test", _side(image))}
        slices = {kind: {"type": kind} for kind in CHOICES}
        references = {answer: (answer,) for choices in CHOICES.values() for answer in choices}
        texts: dict[str, tuple[str, str]] = {}
        for index, (text, answer, number) in enumerate(questions):
            image = wanted.get(number)
            if image is None:
                continue
            if text not in texts:
                texts[text] = (text, question_type(text))
            question, kind = texts[text]
            choices = CHOICES[kind]
            if answer not in choices:
                raise self._broken(part, f"question {index} has the answer {answer!r}, expected {' or '.join(choices)}")
            yield Question(f"{split}-{index}", image, question, references[answer], choices, slices[kind])

    def fingerprint(self) -> str:
        """Digest of the file of test questions and of every test picture, in the order of their numbers."""
        media = self._images("test", self._questions("test"))
        digests = [f"{number} {image.digest}" for number, image in sorted(media.items())]
        return dataset_digest([digest_file(self._file("test")), *digests])

    def _file(self, part: str) -> Path:
        return self.folder / part / "questions.json"

    def _broken(self, part: str, what: str) -> DataError:
        return DataError(f"{self._file(part)} is not as in easy-vqa 1.0: {what}; install the package again")

    def _questions(self, part: str) -> list[tuple[str, str, int]]:
        """(question, answer, number of the picture), as in the file."""
        try:
            rows = msgspec.json.decode(self._file(part).read_bytes(), type=list[tuple[str, str, int]])
            if not rows:
                raise ValueError("it holds no questions")
        except (OSError, ValueError) as error:
            raise self._broken(part, str(error)) from error
        return rows

    def _images(self, part: str, questions: list[tuple[str, str, int]]) -> dict[int, Media]:
        """Number to picture. Each file is read once for its digest."""
        if part not in self._media:
            numbers = sorted({number for _, _, number in questions})
            folder = f"{self.folder / part / 'images'}"
            media = images_from_files([f"{folder}/{number}.png" for number in numbers])
            self._media[part] = dict(zip(numbers, media, strict=True))
        return self._media[part]


def _side(image: Media) -> str:
    """The side of the cut on which a picture of the official training part lies."""
    return "val" if held_out(image.digest, VAL_FRACTION) else "train"


CARD = VqaCard(
    name=NAME,
    description="9,673 questions on shapes, colours and yes or no, about 1,000 synthetic pictures of one shape each",
    licence="MIT",
    citation="Victor Zhou, easy-VQA, 2019, https://github.com/vzhou842/easy-VQA",
    revision="easy-vqa==1.0",
    source=EasyVqa(),
    splits=("test", "train", "val"),
    prompt="short-answer-v1",
    extractor="exact",
    closed_answers=True,
)
