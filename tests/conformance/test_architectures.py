"""``hf/`` answers as a loop by hand does, for every architecture with a builder here, in batches and one by one."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arch_google import OTHERS
from arch_llava import LLAVA
from arch_parts import MODERN, Architecture, major
from arch_qwen import QWEN
from by_hand import answer_by_hand, inputs_by_hand, likelihood_by_hand
from packaging.version import Version

from mmbench import Choose, Generate
from mmbench.core.errors import RunFailedError
from mmbench.core.reasoning import split_reasoning
from mmbench.data import image_from_array
from mmbench.models.hf.adapter import HuggingFace

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

ARCHITECTURES: dict[str, Architecture] = {**QWEN, **LLAVA, **OTHERS}
NEW = 10
SIZES = ((64, 64), (48, 96), (120, 60), (56, 56), (90, 130), (70, 40))
QUESTIONS = (
    "what colour is the circle?",
    "yes or no",
    "which shape is left of the red square and above the green ring? answer with one word",
    "is there a blue star in the image?",
    "what?",
    "are there any stars above the ring in the image?",
)
CHOICES = (("red", "dark blue star", "no"), ("yes", "no"), ("left of it", "right"))


@dataclass(frozen=True)
class Pair:
    """A checkpoint, as mmbench and as transformers alone have loaded it."""

    architecture: Architecture
    ours: HuggingFace
    model: Any
    processor: Any

    def by_hand(self, request: Generate) -> str:
        return answer_by_hand(self.architecture, self.model, self.processor, self.inputs(request), NEW)

    def inputs(self, request: Any) -> dict[str, Any]:
        images = [medium.load() for medium in request.media]
        given = {} if getattr(request, "thinking", None) is None else {"enable_thinking": request.thinking}
        return inputs_by_hand(self.architecture, self.processor, images, request.text, given)

    def together(self, requests: list[Any]) -> list[str]:
        return [_plain(each.text) for each in self.ours.generate(requests, self.ours.collate(requests))]

    def check(self, *requests: Generate) -> list[str]:
        """Answers in one batch and one by one are those by hand; returns them."""
        expected = [_plain(self.by_hand(request)) for request in requests]
        assert self.together(list(requests)) == expected
        assert [self.together([request])[0] for request in requests] == expected
        return expected


def _plain(text: str) -> str:
    """Without markers of reasoning, which mmbench keeps for the runner and a decoder by hand leaves out."""
    parts = split_reasoning(text)
    return "".join(filter(None, (parts.reasoning, parts.answer))).strip()


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    import torch
    import transformers

    architecture = ARCHITECTURES[request.param]
    if _older_than(architecture.since):
        pytest.skip(f"came with transformers {architecture.since}; this is {transformers.__version__}")
    folder = Path(tmp_path_factory.mktemp("checkpoint"))
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        model, processor = architecture.build()
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        ours = HuggingFace(str(folder))
        ours.open()
        model = transformers.AutoModelForImageTextToText.from_pretrained(folder).eval()
        yield Pair(architecture, ours, model, transformers.AutoProcessor.from_pretrained(folder))
    ours.close()


def noise(number: int, size: tuple[int, int] = (64, 64)) -> Any:
    return image_from_array(np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8))


def asked(*parts: Any, **options: Any) -> Generate:
    return Generate(parts=parts, max_new_tokens=NEW, **options)


def test_images_of_mixed_sizes(pair: Pair) -> None:
    requests = [asked(noise(n, size), QUESTIONS[n]) for n, size in enumerate(SIZES)]
    pair.check(*requests)
    found = pair.ours.settings["determinism"]["batches"]
    assert found == pair.architecture.batches or (major() < MODERN and found == "alone")
    same = [Choose(parts=(noise(n), "what?"), choices=("red", "no")) for n in range(2)]
    one, other = pair.ours.choose(same, pair.ours.collate(same))
    assert one != pytest.approx(other, abs=1e-3), "the images are not looked at"


def test_rows_without_an_image(pair: Pair) -> None:
    rows = [asked(noise(0), QUESTIONS[0]), asked(QUESTIONS[2]), asked(noise(1, (50, 90)), QUESTIONS[4]), asked("what?")]
    if pair.architecture.text:
        pair.check(*rows)
    else:
        with pytest.raises(RunFailedError):
            pair.together(rows[1:2])


def test_several_images_in_a_prompt(pair: Pair) -> None:
    several = asked(noise(2), noise(3, (40, 80)), QUESTIONS[5])
    if pair.architecture.several:
        pair.check(several, asked(noise(4), QUESTIONS[1]), asked(*map(noise, (5, 6, 7)), "what?"))
    else:
        with pytest.raises(RunFailedError, match="one image"):
            pair.together([several])


def test_a_long_prompt_beside_a_short_one(pair: Pair) -> None:
    long = asked(noise(0), "is there a red circle? " * 170)
    tokens = len(pair.processor.tokenizer(long.text)["input_ids"])
    assert tokens > 900
    if pair.architecture.long:
        pair.check(long, asked(noise(1), "what?"))
    else:
        with pytest.raises((RunFailedError, RuntimeError, IndexError)):
            pair.together([long])


def test_choices(pair: Pair) -> None:
    requests = [Choose(parts=(noise(n, SIZES[n]), QUESTIONS[n]), choices=choices) for n, choices in enumerate(CHOICES)]
    together = pair.ours.choose(requests, pair.ours.collate(requests))
    alone = [pair.ours.choose([request], pair.ours.collate([request]))[0] for request in requests]
    near = {"rel": 1e-6, "abs": 1e-5}
    assert [score for own in together for score in own] == pytest.approx([s for own in alone for s in own], **near)
    if _older_than(pair.architecture.forward):
        return
    expected = [
        likelihood_by_hand(pair.architecture, pair.model, pair.processor, pair.inputs(request), choice)
        for request in requests
        for choice in request.choices
    ]
    assert [score for own in alone for score in own] == pytest.approx(expected, **near)


def _older_than(release: str) -> bool:
    import transformers

    return Version(transformers.__version__) < Version(release)


@pytest.mark.parametrize("pair", ["qwen3-vl-thinking"], indirect=True)
def test_thinking_is_turned_on_and_off(pair: Pair) -> None:
    answers = [pair.check(asked(noise(n), QUESTIONS[0], thinking=on)) for n in range(2) for on in (True, False)]
    assert answers[0] != answers[1]
