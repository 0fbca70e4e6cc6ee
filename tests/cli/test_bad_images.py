"""Images that cannot be read: they fail alone, and only where the model looks at them."""

import json
import struct
import zlib
from pathlib import Path

import pytest
from helpers import (
    log_of,
    mmbench,
    only_run,
    statuses,
    write_model,
    write_picture,
    write_questions,
)

LOOKS = """
    class Looks:
        def generate(self, requests):
            for request in requests:
                request.images[0].load()
            return ["red" for _ in requests]
"""

BLIND = """
    class Blind:
        def generate(self, requests):
            return ["red" for _ in requests]
"""


def bomb(path: Path) -> None:
    """A small PNG that claims to be 50,000 x 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)))


def spoil(folder: Path) -> dict[str, str]:
    """Spoil pictures 1 to 4 of the questions; sample id to a word of its error."""
    images = folder / "images"
    (images / "1.png").write_bytes(b"this is no picture at all")
    big = write_picture(images / "2.png", (1, 2, 3), 64)
    big.write_bytes(big.read_bytes()[:-30])
    bomb(images / "3.png")
    (images / "4.png").write_bytes(b"")
    return {"q1": "is not a picture", "q2": "is truncated or corrupt", "q3": "50000 x 50000", "q4": "is empty"}


@pytest.mark.slow
def test_pictures_that_cannot_be_read_fail_alone_when_the_model_looks(tmp_path: Path) -> None:
    write_model(tmp_path, LOOKS)
    write_questions(tmp_path, 12)
    bad = spoil(tmp_path)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    ended = mmbench(*arguments, folder=tmp_path)
    assert ended.code == 4
    assert "Traceback" not in ended.err
    run = only_run(tmp_path / "runs")
    assert {sample for sample, status in statuses(run).items() if status == "error"} == set(bad)
    for line in log_of(run).read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        sample = document["id"].split("/")[-2]
        if sample in bad:
            assert bad[sample] in document["error"]
            assert "images/" in document["error"], "the file is named"


@pytest.mark.slow
def test_pictures_that_nobody_looks_at_do_not_have_to_be_readable(tmp_path: Path) -> None:
    write_model(tmp_path, BLIND)
    write_questions(tmp_path, 12)
    spoil(tmp_path)
    ended = mmbench("run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", folder=tmp_path)
    assert ended.code == 0, ended.err


@pytest.mark.slow
def test_a_larger_limit_for_pictures_may_be_set(tmp_path: Path) -> None:
    write_model(tmp_path, LOOKS)
    write_questions(tmp_path, 4)
    write_picture(tmp_path / "images" / "1.png", (1, 2, 3), 40)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    assert mmbench(*arguments, folder=tmp_path, MMBENCH_MAX_IMAGE_PIXELS="1000").code == 4
    assert statuses(only_run(tmp_path / "runs"))["q1"] == "error"
    assert mmbench(*arguments, folder=tmp_path, MMBENCH_MAX_IMAGE_PIXELS="1600").code == 0


@pytest.mark.slow
def test_missing_pictures_are_listed_before_anything_runs(tmp_path: Path) -> None:
    write_questions(tmp_path, 12)
    for i in (3, 7):
        (tmp_path / "images" / f"{i}.png").unlink()
    ended = mmbench("run", "--model", "random", "--tasks", "vqa", "--data", "mine.jsonl", folder=tmp_path)
    ended.refused(2, "2 images are missing: 3.png (line 4), 7.png (line 8)")


@pytest.mark.slow
def test_a_picture_that_disappears_during_the_run_fails_alone(tmp_path: Path) -> None:
    source = """
        from pathlib import Path

        class Looks:
            def generate(self, requests):
                Path("images/6.png").unlink(missing_ok=True)
                for request in requests:
                    request.images[0].load()
                return ["red" for _ in requests]
    """
    write_model(tmp_path, source)
    write_questions(tmp_path, 12)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    assert mmbench(*arguments, "--batch-size", "4", folder=tmp_path).code == 4
    found = statuses(only_run(tmp_path / "runs"))
    assert [sample for sample, status in found.items() if status == "error"] == ["q6"]
