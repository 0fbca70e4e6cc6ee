"""Tables in whatever form people have them: parquet, Arrow, folders as on the hub, tar archives, JSON and CSV."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from shards import png, shard

from mmbench.core import DataError
from mmbench.data.tables.open import open_table


def fields(path: Path, **how: str) -> list[dict]:
    return [dict(record.fields) for record in open_table(path, **how).read()]


def test_json_lines_lists_and_objects_are_told_apart_by_content(tmp_path: Path) -> None:
    rows = [{"id": "a", "x": "1"}, {"id": "b", "x": "2"}]
    texts = {
        "lines.json": "\n".join(map(json.dumps, rows)),
        "list.jsonl": json.dumps(rows),
        "list.json": json.dumps(rows, indent=1),
        "keyed.json": json.dumps({row["id"]: {"x": row["x"]} for row in rows}),
        "wrapped.json": json.dumps({"version": "1", "data": rows}),
        "splits.json": json.dumps({"train": rows[:1], "test": rows}),
        "bars.csv": "id| x\na| 1\nb| 2\n",
        "tabs.csv": "id\tx\na\t1\nb\t2\n",
        "commas.csv": "id,x\na,1\nb,2\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        assert fields(tmp_path / name) == rows, name


def test_a_split_of_an_object_of_splits(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"train": [{"x": "1"}], "val": [{"x": "2"}]}))
    assert open_table(tmp_path / "s.json").split == "val"
    assert fields(tmp_path / "s.json", split="train") == [{"x": "1"}]
    assert fields(tmp_path / "s.json", split="validation") == [{"x": "2"}]
    with pytest.raises(DataError, match="no split 'other'"):
        open_table(tmp_path / "s.json", "other")


def test_flickr_token_files(tmp_path: Path) -> None:
    (tmp_path / "results.token").write_text("1.jpg#0\tA dog , running .\n1.jpg#1\tA dog\n")
    assert fields(tmp_path / "results.token") == [
        {"image": "1.jpg", "caption": "A dog , running ."},
        {"image": "1.jpg", "caption": "A dog"},
    ]


def test_images_of_a_shard_are_read_one_by_one_in_any_order(tmp_path: Path) -> None:
    shard(tmp_path / "d" / "test-00000-of-00001.parquet", list(range(7)))
    rows = fields(tmp_path / "d")
    assert len({row["image"].digest for row in rows}) == 7
    for place in (6, 0, 3, 2, 5, 1, 4):
        assert rows[place]["image"].load().getpixel((0, 0)) == (place, 0, 0)


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    shard(tmp_path / "data" / "test-00000-of-00003.parquet", [1])
    shard(tmp_path / "data" / "test-00002-of-00003.parquet", [2])
    with pytest.raises(DataError) as caught:
        open_table(tmp_path)
    assert "data/test-00001-of-00003.parquet" in str(caught.value)


def test_a_truncated_shard_is_named(tmp_path: Path) -> None:
    path = tmp_path / "test-00000-of-00001.parquet"
    shard(path, [1, 2, 3])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"test-00000-of-00001\.parquet is truncated"):
        open_table(tmp_path)


def test_rows_without_an_image_are_known_without_reading_images(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    images = [None, {"bytes": png((1, 1, 1)), "path": None}, None]
    pq.write_table(pa.table({"image": images, "x": ["a", "b", "c"]}), tmp_path / "t.parquet")
    assert [row["image"] is None for row in fields(tmp_path / "t.parquet")] == [True, False, True]


def test_tar_archives_of_webdataset(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for key, colour in (("x/1", 10), ("x/2", 20)):
            for ending, data in (
                ("png", png((colour, 0, 0))),
                ("txt", b"a caption\n"),
                ("json", b'{"question": "?", "n": 1.50}'),
            ):
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    first, second = fields(tmp_path / "a.tar")
    assert (first["__key__"], first["caption"], first["question"], first["n"]) == ("x/1", "a caption", "?", "1.50")
    assert second["image"].load().getpixel((0, 0)) == (20, 0, 0)


@pytest.mark.parametrize(("kind", "options"), [("ppm", {}), ("png", {"compress_level": 0}), ("bmp", {})])
def test_images_of_one_name_size_and_time_in_two_archives_are_two_images(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    for number, colour in enumerate(((200, 0, 0), (0, 0, 200))):
        page = Image.new("RGB", (200, 120), "white")
        page.putpixel((100, 60), colour)
        data = io.BytesIO()
        page.save(data, {"ppm": "PPM"}.get(kind, kind), **options)
        with tarfile.open(tmp_path / f"shard-{number}.tar", "w") as tar:
            member = tarfile.TarInfo(f"0.{kind}")
            member.size = len(data.getvalue())
            tar.addfile(member, io.BytesIO(data.getvalue()))
    first, second = (fields(tmp_path / f"shard-{number}.tar")[0]["image"] for number in (0, 1))
    assert first.digest != second.digest
    assert (first.load().getpixel((100, 60)), second.load().getpixel((100, 60))) == ((200, 0, 0), (0, 0, 200))
