"""From requests to what a processor takes: messages, the chat template, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmbench.core.errors import ModelUnusableError, RunFailedError
from mmbench.core.media import Media
from mmbench.core.requests import Request


def prompts(processor: Any, requests: Sequence[Request], system: str | None) -> tuple[list[str], list[list[Any]]]:
    """One prompt and a list of pictures (PIL, mode RGB) for each request.

    Raises `MediaError` for a picture, `RunFailedError` for another medium, `ModelUnusableError` where template and
    processor do not fit together.
    """
    texts = [_render(processor, request, system) for request in requests]
    pictures = [[_picture(part) for part in request.media] for request in requests]
    _check_placeholders(processor, texts, pictures)
    return texts, pictures


def _render(processor: Any, request: Request, system: str | None) -> str:
    token = getattr(processor, "image_token", None) or "<image>"
    if not getattr(processor, "chat_template", None):
        written = [str(token) if isinstance(part, Media) else part for part in request.content]
        return "\n".join([*([] if system is None else [system]), *written])
    content = [
        {"type": part.kind} if isinstance(part, Media) else {"type": "text", "text": part} for part in request.content
    ]
    messages = [] if system is None else [{"role": "system", "content": [{"type": "text", "text": system}]}]
    messages.append({"role": "user", "content": content})
    return str(processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def _picture(media: Media) -> Any:
    if media.kind != "image":
        raise RunFailedError(f"the model takes pictures and text; the request holds {media.kind}")
    return media.load()


def _check_placeholders(processor: Any, texts: Sequence[str], pictures: Sequence[Sequence[Any]]) -> None:
    token = getattr(processor, "image_token", None)
    if not isinstance(token, str) or not token:
        return
    for text, own in zip(texts, pictures, strict=True):
        if text.count(token) != len(own):
            raise ModelUnusableError(
                f"the chat template writes {text.count(token)} times {token!r} for {len(own)} pictures: "
                "it does not belong to this processor; save the right chat_template.jinja beside the checkpoint"
            )


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
