"""What is kept of every call while a task is asked, so that figures can be computed afterwards: 100 bytes a call."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from mmbench.core.responses import ENDED_WELL, Call, Response

_PIXELS_A_MEGAPIXEL = 1e6


class CallLog:
    """Columns over calls, in the order in which they ended. NaN: unknown."""

    def __init__(self) -> None:
        self.start = array("d")
        """Seconds, by the executor's clock."""
        self.duration = array("d")
        """Seconds of the call, for all its requests together."""
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
        self.cached_tokens = 0
        """Tokens, of all that were read, that the server took from its cache."""

    def __len__(self) -> int:
        return len(self.start)

    def add(self, call: Call, places: Sequence[int], responses: Sequence[Response]) -> None:
        """Add a call.

        Args:
            call: The call.
            places: Places in the call of the requests that `responses` answer.
            responses: Their responses.
        """
        ok = images = 0
        read = wrote = longest = pixels = 0.0
        cost, told = 0.0, False
        for place, response in zip(places, responses, strict=True):
            usage = response.usage
            if usage is not None and usage.cost_usd is not None:
                cost, told = cost + usage.cost_usd, True
            if response.status not in ENDED_WELL:
                continue
            ok += 1
            for part in call.requests[place].content if call.requests else ():
                if not isinstance(part, str) and part.kind == "image":
                    images += 1
                    pixels += part.attrs.get("width", math.nan) * part.attrs.get("height", math.nan)
            if usage is None:
                read = wrote = math.nan
                continue
            tokens = math.nan if usage.input_tokens is None else usage.input_tokens
            read += tokens
            longest = max(longest, tokens)
            wrote += math.nan if usage.output_tokens is None else usage.output_tokens
            self.cached_tokens += usage.cached_tokens or 0
        self.start.append(call.start_s)
        self.device.append(math.nan if call.device_s is None else call.device_s)
        self.duration.append(call.duration_s)
        self.requests.append(len(call.numbers))
        self.ok.append(ok)
        self.images.append(images)
        self.megapixels.append(pixels / _PIXELS_A_MEGAPIXEL)
        self.input_tokens.append(read)
        self.output_tokens.append(wrote)
        self.padded_tokens.append(longest * ok)
        self.cost.append(cost if told else math.nan)
        alone = responses[0] if len(call.numbers) == 1 and ok else None
        first = None if alone is None else alone.first_token_s
        answer = None if alone is None else alone.first_answer_token_s
        self.first_token.append(math.nan if first is None else first)
        self.first_answer_token.append(math.nan if answer is None else answer)

    @property
    def one_by_one(self) -> bool:
        """Whether every call was one request."""
        return all(count == 1 for count in self.requests)
