"""Parquet shards with images, as `datasets` writes them."""

import io
from pathlib import Path

import pytest


def png(colour: tuple[int, int, int], size: int = 8) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(stream, format="PNG")
    return stream.getvalue()


def shard(path: Path, colours: list[int], **more: list) -> None:
    """A shard as `datasets` writes it: images as structs of bytes and path."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    images = [{"bytes": png((c, 0, 0)), "path": f"{c}.png"} for c in colours]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": images, "id": [str(c) for c in colours], **more}), path, row_group_size=2)
