"""A picture that is rendered from its scene when somebody looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from mmbench.tasks.scenes.scene import SIZE, Scene

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class SceneImage:
    """The picture of a scene. It pickles as the scene, not as pixels.

    To render many at once, hand their scenes to `mmbench.tasks.scenes.render.render`.
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
        from mmbench.data import cache

        return cache.load(self.digest, self.decode)

    def decode(self) -> Image.Image:
        """Render the scene, past the cache."""
        from PIL import Image

        from mmbench.tasks.scenes.render import render

        return Image.frombytes("RGB", (self.size, self.size), render([self.scene], self.size).tobytes())
