"""What is kept of every call while a task is asked, so that figures can be computed afterwards: 100 bytes a call."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

from mmbench.core.media import Media
from mmbench.core.responses import ENDED_WELL, Call, Response, Usage

_PIXELS_A_MEGAPIXEL = 1e6
_MOST = 0.5


SizeOf = Callable[[Media], tuple[int, int] | None]
"""An image to its width and height in pixels; None where they are not known."""


def unknown_size(media: Media) -> tuple[int, int] | None:
    """No image's size is known."""
    del media
    return None


class CallLog:
    """Columns over calls, in the order in which they ended. NaN: unknown.

    Args:
        size_of: Finds the size of an image that does not tell it itself.
    """

    def __init__(self, size_of: SizeOf = unknown_size) -> None:
        self._size_of = size_of
        self.start = array("d")
        """Seconds, by the executor's clock."""
        self.duration = array("d")
        """Seconds of the call, for all its requests together."""
        self.waited = array("d")
        """Seconds from the first time that the request was sent to the start of the call that ended it; 0 for one sent once."""
        self.requests = array("l")
        """Requests of the call."""
        self.ok = array("l")
        """Those of them that ended well."""
        self.images = array("l")
        """Images in the requests that ended well."""
        self.megapixels = array("d")
        """Pixels of these images in millions; NaN where the size of one is unknown."""
        self.input_tokens = array("d")
        """Tokens read by the requests that ended well; NaN where one did not tell."""
        self.output_tokens = array("d")
        """Tokens written, as above."""
        self.padded_tokens = array("d")
        """Tokens that the longest request of the call would make of all of them."""
        self.first_token = array("d")
        """Seconds to the first token of any kind, where the call is one request and its answer came token by token."""
        self.first_answer_token = array("d")
        """The same for the first token that is not reasoning."""
        self.cost = array("d")
        """Price in US dollars; NaN where none is known."""
        self.device = array("d")
        """Seconds of the call by the clock of the GPU; NaN without one."""
        self.cached_requests = 0
        """Requests of which the server took more than half from its cache, as it says itself."""

    def __len__(self) -> int:
        return len(self.start)

    def add(self, call: Call, places: Sequence[int], responses: Sequence[Response]) -> None:
        """Add a call.

        Args:
            call: The call.
            places: Places in the call of the requests that `responses` answer.
            responses: Their responses.
        """
        usages = [each.usage for each in responses]
        well = [each.status in ENDED_WELL for each in responses]
        requests = [call.requests[place] for place in compress(places, well)] if call.requests else []
        ok = sum(well)
        self.start.append(call.start_s)
        self.device.append(math.nan if call.device_s is None else call.device_s)
        self.duration.append(call.duration_s)
        self.waited.append(call.waited_s)
        self.requests.append(len(call.numbers))
        self.ok.append(ok)
        self._add_images(requests)
        if any(usage is not None for usage in usages):
            self._add_tokens(usages, well)
        else:
            unknown = math.nan if ok else 0.0
            for column in (self.input_tokens, self.output_tokens, self.padded_tokens):
                column.append(unknown)
            self.cost.append(math.nan)
        alone = responses[0] if len(call.numbers) == 1 and ok else None
        first = None if alone is None else alone.first_token_s
        answer = None if alone is None else alone.first_answer_token_s
        self.first_token.append(math.nan if first is None else first)
        self.first_answer_token.append(math.nan if answer is None else answer)

    def _add_images(self, requests: Sequence[Any]) -> None:
        """Count images; `parts` are looked at where they are all, since building `content` costs as much as the rest."""
        if not requests or requests[0].kind == "embed":
            media = [request.part for request in requests if not isinstance(request.part, str)]
        else:
            media = [p for request in requests for p in (request.parts or request.content) if p.__class__ is not str]
        images = [medium for medium in media if medium.kind == "image"]
        self.images.append(len(images))
        pixels = 0.0
        for medium in images:
            attrs = medium.attrs
            size = (
                (attrs["width"], attrs["height"]) if "height" in attrs and "width" in attrs else self._size_of(medium)
            )
            if size is None:
                pixels = math.nan
                break
            pixels += size[0] * size[1]
        self.megapixels.append(pixels / _PIXELS_A_MEGAPIXEL)

    def _add_tokens(self, usages: Sequence[Usage | None], well: Sequence[bool]) -> None:
        read = wrote = longest = cost = 0.0
        told = False
        for usage, ended_well in zip(usages, well, strict=True):
            if usage is not None and usage.cost_usd is not None:
                cost, told = cost + usage.cost_usd, True
            if not ended_well:
                continue
            tokens = math.nan if usage is None or usage.input_tokens is None else usage.input_tokens
            read += tokens
            longest = max(longest, tokens)
            wrote += math.nan if usage is None or usage.output_tokens is None else usage.output_tokens
            cached = 0 if usage is None else usage.cached_tokens or 0
            self.cached_requests += cached > _MOST * (0.0 if math.isnan(tokens) else tokens)
        self.input_tokens.append(read)
        self.output_tokens.append(wrote)
        self.padded_tokens.append(longest * sum(well))
        self.cost.append(cost if told else math.nan)

    @property
    def one_by_one(self) -> bool:
        """Whether every call was one request."""
        return all(count == 1 for count in self.requests)
