"""What scenarios ask: drawn prompts, traces, and what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest
from helpers import write_picture, write_rows

from mmbench.core.errors import UsageError
from mmbench.runner.scenarios.workload import RandomMultimodal, check_workload, name_of, read_trace


def test_drawn_prompts_have_the_sizes_that_were_asked_for() -> None:
    made = RandomMultimodal.read("random-mm:40x24,images=2,in=50,out=7").prompts(5, seed=3)
    for request in made:
        assert [image.load().size for image in request.images] == [(40, 24)] * 2
        assert len(request.text.split()) == 50
        assert getattr(request, "max_new_tokens", None) == 7
    assert len({image.digest for request in made for image in request.images}) == 10
    assert len({request.text for request in made}) == 5


def test_the_same_seed_draws_the_same() -> None:
    workload = RandomMultimodal.read("random-mm:8x8")
    first, again, other = (workload.prompts(3, seed) for seed in (1, 1, 2))
    assert [each.content for each in first] == [each.content for each in again]
    assert [each.content for each in first] != [each.content for each in other]


@pytest.mark.parametrize(
    "text",
    [
        "random-mm",
        "random-mm:0x8",
        "random-mm:8x8,in=0",
        "random-mm:8x8,frames=2",
        "random-mm:8",
        "random-mm:8x8,images=99999999",
        "random-mm:8x8,out=9999999",
        f"random-mm:8x8,in={'9' * 5000}",
        "nowhere.jsonl",
    ],
)
def test_what_is_no_workload_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        check_workload(text)


def test_images_may_be_left_out() -> None:
    (request,) = RandomMultimodal.read("random-mm:8x8,images=0,in=3").prompts(1, 0)
    assert request.modalities == {"text"}


def test_a_trace_has_prompts_images_and_arrivals(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", (1, 2, 3))
    rows = [
        {"prompt": "one", "image_files": ["a.png"], "output_tokens": 9, "arrival_s": 5.0},
        {"prompt": "two", "arrival_s": 5.5, "anything": 1},
    ]
    found = read_trace(write_rows(tmp_path / "trace.jsonl", rows), 10, 0)
    assert [request.text for request in found.requests] == ["one", "two"]
    assert [len(request.images) for request in found.requests] == [1, 0]
    assert found.arrivals == (0.0, 0.5)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"question": "no prompt"}],
        [{"prompt": 3}],
        [{"prompt": "x", "output_tokens": -5}],
        ["no object"],
        [{"prompt": "x", "image_files": ["nowhere.png"]}],
        [{"prompt": "x", "arrival_s": 1.0}, {"prompt": "y"}],
        [{"prompt": "x", "arrival_s": 2.0}, {"prompt": "y", "arrival_s": 1.0}],
    ],
)
def test_a_bad_trace_is_a_sentence(tmp_path: Path, rows: list[Any]) -> None:
    path = write_rows(tmp_path / "trace.jsonl", rows)
    with pytest.raises(UsageError) as caught:
        read_trace(path, 10, 0)
    assert str(path) in str(caught.value)


def test_a_trace_that_is_not_utf_8_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError):
        read_trace(tmp_path / "trace.jsonl", 10, 0)


def test_a_trace_is_known_by_its_content(tmp_path: Path) -> None:
    first = name_of(str(write_rows(tmp_path / "trace.jsonl", [{"prompt": "x"}])))
    second = name_of(str(write_rows(tmp_path / "trace.jsonl", [{"prompt": "y"}])))
    assert first != second
    assert first.startswith("trace.jsonl@")
    assert (name_of(None), name_of("random-mm:8x8")) == ("samples", "random-mm:8x8")
