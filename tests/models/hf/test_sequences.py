"""Batches as a model takes them: where the padding is, what runs along the tokens, who writes the image."""

from types import SimpleNamespace
from typing import Any

import pytest

from mmbench import Generate
from mmbench.core import RunFailedError
from mmbench.models.hf.families import Family
from mmbench.models.hf.generation import Forced, prompt_length
from mmbench.models.hf.placement import Placement, placement
from mmbench.models.hf.prompts import Prompts
from mmbench.models.hf.sequences import Processing, accepted, aligned, along

torch = pytest.importorskip("torch")


def batch() -> dict[str, Any]:
    """Two prompts padded on the right, with what goes along with their tokens and what does not."""
    return {
        "input_ids": torch.tensor([[5, 6, 0, 0], [7, 8, 9, 4]]),
        "attention_mask": torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]]),
        "token_type_ids": torch.tensor([[3, 2, 0, 0], [1, 1, 1, 1]]),
        "cross_attention_mask": torch.arange(2 * 4 * 2).reshape(2, 4, 2),
        "qformer_input_ids": torch.tensor([[5, 6, 0, 0], [7, 8, 9, 4]]),
        "qformer_attention_mask": torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]]),
        "pixel_values": torch.zeros(2, 3, 4, 4),
    }


def test_padding_on_the_wrong_side_is_moved_with_all_that_goes_along() -> None:
    inputs = batch()
    assert set(along(inputs)) == {"input_ids", "attention_mask", "token_type_ids", "cross_attention_mask"}
    aligned(inputs, "left")
    assert inputs["input_ids"].tolist() == [[0, 0, 5, 6], [7, 8, 9, 4]]
    assert inputs["attention_mask"].tolist()[0] == [0, 0, 1, 1]
    assert inputs["token_type_ids"].tolist()[0] == [0, 0, 3, 2]
    assert inputs["cross_attention_mask"][0].tolist() == [[4, 5], [6, 7], [0, 1], [2, 3]]
    assert inputs["qformer_input_ids"].tolist() == batch()["qformer_input_ids"].tolist()
    aligned(inputs, "right")
    assert inputs["input_ids"].tolist() == batch()["input_ids"].tolist()
    assert torch.equal(inputs["cross_attention_mask"], batch()["cross_attention_mask"])


def test_a_mask_with_a_gap_between_image_and_text_stays_as_it_is() -> None:
    inputs = {"input_ids": torch.tensor([[9, 9, 0, 5]]), "attention_mask": torch.tensor([[1, 1, 0, 1]])}
    aligned(inputs, "left")
    assert inputs["input_ids"].tolist() == [[9, 9, 0, 5]]


def test_what_a_model_has_no_use_for_is_left_out_but_no_image() -> None:
    class Model:
        def generate(self, input_ids: Any, attention_mask: Any, **rest: Any) -> None: ...

        def forward(self, input_ids: Any, attention_mask: Any, cross_attention_mask: Any) -> None: ...

    left = accepted(Model(), batch())
    assert "token_type_ids" not in left
    assert {"pixel_values", "cross_attention_mask"} <= left.keys()


class Words:
    """A tokenizer of whole words: `<image>` is one of them, and what closes a text another."""

    bos_token, eos_token, sep_token_id, pad_token, unk_token_id = None, "</s>", 1, "<pad>", 0
    all = ("<unk>", "</s>", "<pad>", "<image>", "a")

    def __init__(self, closes: bool = False) -> None:
        self.closes = closes
        self.eos_token_id = 1

    def convert_tokens_to_ids(self, text: str) -> int:
        return self.all.index(text) if text in self.all else 0

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        words = text.replace("<image>", " <image> ").split()
        ids = [self.convert_tokens_to_ids(word) for word in words]
        return {"input_ids": [*ids, *([1] if self.closes and add_special_tokens else [])]}


class Processor:
    """One that writes the image itself (`adds`), takes its token from the text (`expands`), or apart from it."""

    def __init__(self, how: str, closes: bool = False, most: int = 9) -> None:
        self.how, self.most, self.tokenizer = how, most, Words(closes)
        self.image_token = "<image>" if how != "apart" else None
        self.given: dict[str, Any] = {}

    def __call__(self, text: list[str], images: Any = None, **rest: Any) -> dict[str, Any]:
        self.given = {"text": text, "images": images, **rest}
        rows = [self.tokenizer(each)["input_ids"] for each in text]
        if self.how == "adds" and images:
            rows = [[3] * 4 * min(len(own), self.most) + row for own, row in zip(images, rows, strict=True)]
        if self.how == "expands":
            if images and not all(3 in row for row in rows):
                raise ValueError("no image token")
            rows = [[4 if each == 3 else each for each in row] for row in rows]
        width = max(map(len, rows))
        return {
            "input_ids": torch.tensor([row + [2] * (width - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
        }


@pytest.mark.parametrize(
    ("processor", "found"),
    [
        (Processor("adds"), Placement(how="processor")),
        (Processor("adds", most=1), Placement(how="processor", several=False)),
        (Processor("expands"), Placement(how="text", token="<image>")),
        (Processor("apart"), Placement(how="apart", several=False)),
    ],
    ids=["adds", "adds one", "expands", "apart"],
)
def test_who_writes_an_image_is_found_out(processor: Any, found: Placement) -> None:
    config = SimpleNamespace(image_token_id=3 if processor.how == "adds" else 4 if processor.how == "expands" else None)
    assert placement(processor, config, Processing(processor)) == found


def test_a_text_of_the_data_that_looks_like_a_start_is_none() -> None:
    processor = Processor("apart")
    processor.tokenizer.bos_token = "<s>"  # type: ignore[assignment]
    processing = Processing(processor)
    processing(["<s> a"], [[]], started=True)
    assert processor.given["add_special_tokens"] is False
    processing(["<s> a"], [[]])
    assert "add_special_tokens" not in processor.given


def test_the_token_that_closes_a_text_is_not_read_before_an_answer_is_written() -> None:
    closing = Processor("apart", closes=True)
    assert Processing(closing)(["a a", "a a"], [[], []])["input_ids"].tolist() == [[4, 4], [4, 4]]
    assert Processing(closing)(["a", "a a"], [[], []])["attention_mask"].tolist() == [[0, 1], [1, 1]]
    assert Processing(closing, keeps_end=True)(["a a"], [[]])["input_ids"].tolist() == [[4, 4, 1]]


def test_a_model_of_one_image_is_not_given_two(tmp_path: Any) -> None:
    import tiny

    prompts = Prompts(Processing(Processor("apart")), None)
    one, two = (Generate(parts=(*[tiny.picture(0)] * images, "a")) for images in (1, 2))
    assert prompts.of([one])[0] == ["a"]
    with pytest.raises(RunFailedError, match="one image"):
        prompts.of([two])


@pytest.mark.parametrize(
    ("family", "text"),
    [
        (Family(), "<image>\nwhich?\nred\n<image>"),
        (Family(joint="", plain="Q: {} A:"), "Q: <image>which?\nred<image> A:"),
        (Family(image="<|image_{n}|>"), "<|image_1|>\nwhich?\nred\n<|image_2|>"),
    ],
    ids=["default", "joined", "numbered"],
)
def test_a_prompt_without_a_template_is_that_of_the_family(
    family: Family, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tiny

    monkeypatch.setattr("mmbench.models.hf.prompts.family_of", lambda config: family)
    prompts = Prompts(Processing(Processor("expands")), None, SimpleNamespace(image_token_id=4))
    parts = (tiny.picture(0), "which?", "red", tiny.picture(1))
    assert prompts.of([Generate(parts=parts)])[0] == [text]


class OnePerPrompt(Processor):
    """One that takes one image a prompt, in a row."""

    def __call__(self, text: list[str], images: Any = None, **rest: Any) -> dict[str, Any]:
        if images and isinstance(images[0], list):
            raise ValueError("nested images")
        return super().__call__(text, **rest) | {"images": images}


def test_a_processor_that_takes_images_in_a_row_gets_them_so() -> None:
    processing = Processing(OnePerPrompt("apart"))
    assert processing(["a", "a"], [["x"], ["y"]])["images"] == ["x", "y"]
    with pytest.raises(RunFailedError, match="nested images"):
        processing(["a"], [["x", "y"]])


def test_a_prompt_of_the_decoder_is_cut_off_with_the_start_before_it() -> None:
    prompt = {"decoder_input_ids": torch.tensor([[5, 6]])}
    assert prompt_length(torch.tensor([[5, 6, 7, 8]]), prompt, encoder=True) == 2
    assert prompt_length(torch.tensor([[0, 5, 6, 7, 8]]), prompt, encoder=True) == 3
    assert prompt_length(torch.tensor([[0, 7, 8]]), {"input_ids": torch.tensor([[5, 6]])}, encoder=True) == 1


def test_a_prompt_is_cut_off_where_the_model_gives_it_back() -> None:
    prompt = {"input_ids": torch.tensor([[4, 5, 6]])}
    assert prompt_length(torch.tensor([[9, 5, 6, 7]]), prompt, encoder=False) == 3
    assert prompt_length(torch.tensor([[9, 5, 7, 7]]), prompt, encoder=False, drops_last=True) == 2
    assert prompt_length(torch.tensor([[7, 8, 7, 8]]), prompt, encoder=False) == 0


def test_choices_are_forced_and_scored_token_by_token() -> None:
    forced = Forced([[1, 2], [0]], [[1, 0], [0]], padding=3)
    alone = torch.full((2, 4), -float("inf"))
    alone[:, 2] = 0.0
    assert torch.equal(forced(None, alone), alone), "a token of the format is let through"
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0]])
    said = logits.log_softmax(dim=-1)
    assert forced(None, logits).argmax(dim=-1).tolist() == [1, 0]
    assert forced(None, logits).argmax(dim=-1).tolist() == [2, 3]
    assert forced.first()[0] == pytest.approx([float(said[0, 1]), float(said[0, 0])])
    assert forced.rest() == pytest.approx([float(said[0, 2]), 0.0])
    cut = Forced([[1, 2]], [[1]], padding=3)
    cut(None, logits[:1])
    with pytest.raises(RunFailedError):
        cut.rest()
