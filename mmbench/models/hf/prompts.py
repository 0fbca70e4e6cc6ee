"""From requests to what a processor takes: messages, the chat template, images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmbench.core.errors import ModelUnusableError, RunFailedError
from mmbench.core.media import Media
from mmbench.core.requests import Generate, Message, Request, conversation
from mmbench.core.samples import Part
from mmbench.models.endpoint.payload import template_args
from mmbench.models.hf.chat import ChatFormat, chat_format


class Prompts:
    """Writes the prompts of one model. Safe to use from several threads.

    Args:
        processor: The checkpoint's processor.
        system: A system message; None for none.

    Raises:
        ModelUnusableError: If the chat template fails on every message.
    """

    def __init__(self, processor: Any, system: str | None) -> None:
        self.format: ChatFormat = chat_format(processor)
        """What the chat template takes."""
        self.neutralised: set[str] = set()
        """Ids of the requests whose own text held a placeholder of a medium."""
        self._processor = processor
        self._system = None if system is None else self.format.neutral(system)

    def of(self, requests: Sequence[Request]) -> tuple[list[str], list[list[Any]]]:
        """One prompt and a list of images (PIL, mode RGB) for each request.

        Raises:
            MediaError: If an image cannot be decoded.
            RunFailedError: If a request holds another medium, or the template does not place its images.
            ModelUnusableError: If the template places no image where it should.
        """
        texts = [self._text(request) for request in requests]
        images = [[_image(part) for part in request.media] for request in requests]
        self._check(texts, images)
        return texts, images

    def _text(self, request: Request) -> str:
        asked = conversation(request)
        messages = [Message(message.role, tuple(map(self._neutral, message.parts))) for message in asked]
        if messages != list(asked):
            self.neutralised.add(request.id)
        if self._system is not None:
            first = messages.pop(0).parts if messages[0].role == "system" else ()
            messages.insert(0, Message("system", (self._system, *first)))
        given = template_args(request) if isinstance(request, Generate) else {}
        self._check_thinking(given)
        return self.format.render(self._processor, messages, given)

    def _neutral(self, part: Part) -> Part:
        return part if isinstance(part, Media) else self.format.neutral(part)

    def _check_thinking(self, given: Mapping[str, Any]) -> None:
        if "thinking_budget" in given and not self.format.thinking_budget:
            raise ModelUnusableError(
                "the chat template takes no number of tokens to reason for: --thinking on, or none"
            )
        if "enable_thinking" in given and not (self.format.thinking or self.format.thinking_budget):
            raise ModelUnusableError("the chat template cannot turn reasoning on or off: leave --thinking out")

    def _check(self, texts: Sequence[str], images: Sequence[Sequence[Any]]) -> None:
        token = getattr(self._processor, "image_token", None)
        if not isinstance(token, str) or not token:
            return
        for text, own in zip(texts, images, strict=True):
            if text.count(token) == len(own):
                continue
            problem = f"the chat template writes {text.count(token)} times {token!r} for {len(own)} images"
            if self.format.places_images:
                raise RunFailedError(problem)
            raise ModelUnusableError(
                f"{problem}: it does not belong to this processor; save the right chat_template.jinja beside the checkpoint"
            )


def prompts(processor: Any, requests: Sequence[Request], system: str | None) -> tuple[list[str], list[list[Any]]]:
    """The prompts of a few requests, see `Prompts.of`."""
    return Prompts(processor, system).of(requests)


def _image(media: Media) -> Any:
    if media.kind != "image":
        raise RunFailedError(f"the model takes images and text; the request holds {media.kind}")
    return media.load()


def inputs_of(processor: Any, texts: Sequence[str], pictures: Sequence[Sequence[Any]], side: str) -> Any:
    """What the model takes, padded on the ``left`` (to write on) or on the ``right``.

    The beginning-of-text token is added only where the template has not written it. Raises `RunFailedError`.
    """
    tokenizer = processor.tokenizer
    start = tokenizer.bos_token
    written = bool(start) and all(text.startswith(start) for text in texts)
    given: dict[str, Any] = {"text": list(texts), "padding": True, "padding_side": side, "return_tensors": "pt"}
    if any(pictures):
        given["images"] = [list(own) for own in pictures]
    if written:
        given["add_special_tokens"] = False
    try:
        return processor(**given)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise RunFailedError(f"the processor refuses the prompt: {' '.join(str(error).split())[:300]}") from error
