"""A picture that is rendered from its scene when somebody looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Self

from mmbench_tasks.scenes.scene import SIZE, Scene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_AT_ONCE = 2**24
"""Bytes of pixels that are rendered at once where they are resized afterwards."""


@dataclass(frozen=True, slots=True)
class SceneImage:
    """The picture of a scene. It pickles as the scene, not as pixels.

    To have many as one array, hand their media to `mmbench.data.load_pixels`: they are rendered together.
    """

    scene: Scene
    """What it shows."""
    size: int = SIZE
    """Width and height in pixels."""
    digest: str = ""
    """By which the rendered picture is cached; empty: it is not cached."""

    @property
    def path(self) -> None:
        """None: it lies in no file."""

    def read(self) -> bytes:
        """The picture as PNG."""
        stream = BytesIO()
        self.load().save(stream, format="PNG")
        return stream.getvalue()

    def load(self) -> Image.Image:
        """A new picture in mode RGB."""
        from mmbench.data import cached_image

        return cached_image(self.digest, self.decode)

    def decode(self) -> Image.Image:
        """Render the scene, past the cache."""
        from PIL import Image

        from mmbench_tasks.scenes.render import render

        return Image.frombytes("RGB", (self.size, self.size), render([self.scene], self.size).tobytes())

    @classmethod
    def load_many(cls, sources: Sequence[Self], size: int) -> NDArray[np.uint8]:
        """Many pictures, rendered together, each at its own size and then resized: uint8 [n, size, size, 3]."""
        import numpy as np

        from mmbench.data import resized
        from mmbench_tasks.scenes.render import render

        places: dict[int, list[int]] = {}
        for place, source in enumerate(sources):
            places.setdefault(source.size, []).append(place)
        pixels = np.empty((len(sources), size, size, 3), dtype=np.uint8)
        for own, found in places.items():
            step = len(found) if own == size else max(1, _AT_ONCE // (3 * own * own))
            for start in range(0, len(found), step):
                chunk = found[start : start + step]
                pixels[chunk] = resized(render([sources[place].scene for place in chunk], own), size)
        return pixels
