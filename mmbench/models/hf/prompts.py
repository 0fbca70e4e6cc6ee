"""From requests to what a processor takes: messages, the chat template, images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmbench.core.errors import ModelUnusableError, RunFailedError
from mmbench.core.media import Media
from mmbench.core.requests import Generate, Message, Request, conversation
from mmbench.models.endpoint.payload import template_args
from mmbench.models.hf.chat import ChatFormat, chat_format
from mmbench.models.hf.families import family_of
from mmbench.models.hf.placeholders import neutral, neutral_messages
from mmbench.models.hf.sequences import Processing


class Prompts:
    """Writes the prompts of one model. Safe to use from several threads.

    Args:
        processing: Runs the checkpoint's processor.
        system: A system message; None for none.
        config: The configuration of the model; None where it is not known.
        template: Text of a chat template that is used in place of the checkpoint's own.

    Raises:
        UsageError: If the chat template fails on every message.
    """

    def __init__(
        self, processing: Processing, system: str | None, config: Any = None, template: str | None = None
    ) -> None:
        self._processor = processing.processor
        source = _choose_template(self._processor, template)
        family = family_of(config)
        self.format: ChatFormat = chat_format(self._processor, processing, family=family, config=config, source=source)
        """What the chat template takes."""
        self.neutralised: set[str] = set()
        """Ids of the requests whose own text held a placeholder of a medium."""
        self._system = None if system is None else neutral(system, self.format.placeholders)

    def of(self, requests: Sequence[Request]) -> tuple[list[str], list[list[Any]]]:
        """One prompt and a list of images (PIL, mode RGB) for each request.

        Raises:
            MediaError: If an image cannot be decoded.
            RunFailedError: If a request holds another medium, or the template does not place its images.
            ModelUnusableError: If the template places no image where it should.
        """
        texts = [self._text(request) for request in requests]
        images = [[pil_image(part) for part in request.media] for request in requests]
        self._check(texts, images)
        return texts, images

    def _text(self, request: Request) -> str:
        asked = conversation(request)
        messages = list(neutral_messages(asked, self.format.placeholders))
        if messages != list(asked):
            self.neutralised.add(request.id)
        if self._system is not None:
            first = messages.pop(0).parts if messages[0].role == "system" else ()
            messages.insert(0, Message("system", (self._system, *first)))
        given = template_args(request) if isinstance(request, Generate) else {}
        self._check_thinking(given)
        return self.format.render(self._processor, messages, given)

    def _check_thinking(self, given: Mapping[str, Any]) -> None:
        if "thinking_budget" in given and not self.format.thinking_budget:
            raise ModelUnusableError(
                "the chat template takes no number of tokens to reason for: --thinking on, or none"
            )
        if "enable_thinking" in given and not (self.format.thinking or self.format.thinking_budget):
            raise ModelUnusableError("the chat template cannot turn reasoning on or off: leave --thinking out")

    def _check(self, texts: Sequence[str], images: Sequence[Sequence[Any]]) -> None:
        for text, own in zip(texts, images, strict=True):
            if len(own) > 1 and not self.format.placement.several:
                raise RunFailedError(f"the model takes one image; the request holds {len(own)}")
            found = self.format.marks(text)
            if found is None or found == len(own):
                continue
            token = self.format.image_token
            problem = f"the chat template writes {found} times {token!r} for {len(own)} images"
            if self.format.places_images:
                raise RunFailedError(problem)
            raise ModelUnusableError(
                f"{problem}: it does not belong to this processor; save the right chat_template.jinja beside the checkpoint, "
                "or give it: --model-args chat_template=FILE"
            )


def _choose_template(processor: Any, given: str | None) -> str:
    """Give a processor the chat template to use, and say where it comes from."""
    if given is not None:
        processor.chat_template = given
        return "file"
    if getattr(processor, "chat_template", None):
        return "processor"
    of_tokenizer = getattr(getattr(processor, "tokenizer", None), "chat_template", None)
    if of_tokenizer:
        processor.chat_template = of_tokenizer
        return "tokenizer"
    return "none"


def pil_image(media: Media) -> Any:
    """An image as a processor takes it. Raises `MediaError`; `RunFailedError` for another medium."""
    if media.kind != "image":
        raise RunFailedError(f"the model takes images and text; the request holds {media.kind}")
    return media.load()
