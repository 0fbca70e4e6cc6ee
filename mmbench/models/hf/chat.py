"""How a checkpoint's chat template wants its messages, found out by rendering a tiny conversation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from mmbench.core.errors import ModelUnusableError
from mmbench.core.media import Media
from mmbench.core.requests import Message
from mmbench.core.samples import Part

_PROBE = "mmbenchprobe"
_SYSTEM_PROBE = "mmbenchsystem"
_MEDIA_WORDS = re.compile(
    r"image|img|vision|visual|video|audio|picture|speech|sound|media|patch|fake_token|row_\d+_col", re.IGNORECASE
)
_NAMED_BY_PROCESSOR = re.compile(r"(?:image|video|audio|vision|img|boi|eoi|boa|eoa).*(?:token|tag)|(?:boi|eoi)_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFormat:
    """What a chat template takes. Without a template, the parts are written below each other."""

    content: str = "parts"
    """``parts``: a list of typed parts; ``text``: one text, in which images are placeholders; ``none``: there is no
    template."""
    system: bool = True
    """Whether a system message is written; otherwise its text comes before the user's."""
    image_token: str = "<image>"  # noqa: S105 - no password
    """What stands for an image in a text."""
    places_images: bool = True
    """Whether a rendered message holds as many placeholders as images."""
    thinking: bool = False
    """Whether the template knows ``enable_thinking``."""
    thinking_budget: bool = False
    """Whether the template knows ``thinking_budget``."""
    placeholders: tuple[str, ...] = ("<image>",)
    """Tokens that stand for media, the longest first: data that hold one must not be taken for more media."""

    def render(
        self, processor: Any, messages: Sequence[Message], given: Mapping[str, Any] = MappingProxyType({})
    ) -> str:
        """The prompt for a conversation.

        Args:
            processor: Has the template.
            messages: The messages.
            given: What the template is given beside them.

        Raises:
            Exception: What the template raises.
        """
        if not self.system and messages[0].role == "system":
            system, first, *rest = messages
            parts = [f"{part}\n\n" if isinstance(part, str) else part for part in system.parts]
            messages = [Message(first.role, (*parts, *first.parts)), *rest]
        if self.content == "none":
            return self.as_text([part for message in messages for part in message.parts])
        return _apply(processor, [self._message(message) for message in messages], given)

    def as_text(self, parts: Sequence[Part]) -> str:
        """Parts below each other, images as placeholders."""
        return "\n".join(self.image_token if isinstance(part, Media) else part for part in parts)

    def neutral(self, text: str) -> str:
        r"""A text of the data in which nothing stands for a medium: a space breaks every placeholder.

        >>> ChatFormat().neutral("<image>\nWhat is it?")
        '< image>\nWhat is it?'
        """
        while found := next((token for token in self.placeholders if token in text), None):
            text = text.replace(found, f"{found[0]} {found[1:]}")
        return text

    def _message(self, message: Message) -> dict[str, Any]:
        if self.content == "text":
            return {"role": message.role, "content": self.as_text(message.parts)}
        return {"role": message.role, "content": [_typed(part) for part in message.parts]}


def chat_format(processor: Any) -> ChatFormat:
    """Find out what the chat template of a processor takes.

    A template that prints the repr of a list, or fails on one, takes a text.

    Raises:
        ModelUnusableError: If the template renders neither.
    """
    token = getattr(processor, "image_token", None)
    image_token = token if isinstance(token, str) and token else "<image>"
    plain = ChatFormat(image_token=image_token, placeholders=_placeholders(processor, image_token))
    if not getattr(processor, "chat_template", None):
        return replace(plain, content="none")
    typed = [{"type": "text", "text": _PROBE}]
    tried = {
        "parts": lambda: _apply(processor, [{"role": "user", "content": typed}]),
        "text": lambda: _apply(processor, [{"role": "user", "content": _PROBE}]),
        # Some templates want an image in every message.
        "parts with an image": lambda: _apply(processor, [{"role": "user", "content": [{"type": "image"}, *typed]}]),
    }
    problems: dict[str, str] = {}
    content = next((name for name, render in tried.items() if _works(render, problems, name)), None)
    if content is None:
        raise ModelUnusableError(f"the chat template fails on every message: {next(iter(problems.values()))}")
    plain = replace(plain, content=content.partition(" ")[0])
    return replace(
        plain,
        system=_writes_system(processor, plain),
        places_images=not token or _places_images(processor, plain),
        thinking=_heeds(processor, plain, "enable_thinking", (False, True)),
        thinking_budget=_heeds(processor, plain, "thinking_budget", (101, 202)),
    )


def _typed(part: Part) -> dict[str, str]:
    return {"type": part.kind} if isinstance(part, Media) else {"type": "text", "text": part}


def _apply(processor: Any, messages: Sequence[dict[str, Any]], given: Mapping[str, Any] = MappingProxyType({})) -> str:
    return str(processor.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False, **given))


def _works(render: Callable[[], str], problems: dict[str, str], name: str) -> bool:
    """Whether a rendered probe holds its text as it is, and not the repr of a list around it."""
    try:
        text = render()
    except Exception as error:  # noqa: BLE001 - a template is a program of its own
        problems[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return False
    problems[name] = "it does not write the text of the message"
    before, found, after = text.partition(_PROBE)
    return bool(found) and not re.search(r"""['"]text['"]\s*:\s*\\*['"]\Z""", before) and "'type'" not in before + after


def _writes_system(processor: Any, trial: ChatFormat) -> bool:
    try:
        text = trial.render(processor, [Message("system", (_SYSTEM_PROBE,)), Message("user", (_PROBE,))])
    except Exception:  # noqa: BLE001 - "no system role" is an exception of the template's own
        return False
    return _SYSTEM_PROBE in text and _PROBE in text


def _heeds(processor: Any, trial: ChatFormat, name: str, values: Sequence[Any]) -> bool:
    """Whether the template writes something else for another value of an argument."""
    try:
        return len({trial.render(processor, [Message("user", (_PROBE,))], {name: value}) for value in values}) > 1
    except Exception:  # noqa: BLE001 - as above
        return False


def _places_images(processor: Any, trial: ChatFormat) -> bool:
    if trial.content == "text":
        return True  # we write the placeholders ourselves
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": _PROBE}]}
    try:
        return _apply(processor, [message]).count(trial.image_token) == 1
    except Exception:  # noqa: BLE001 - as above
        return False


def _placeholders(processor: Any, image_token: str) -> tuple[str, ...]:
    """Every token that a processor or its tokenizer has for media."""
    tokenizer = getattr(processor, "tokenizer", None)
    found = {image_token}
    for owner in (processor, tokenizer):
        for name, value in getattr(owner, "__dict__", {}).items():
            if isinstance(value, str) and _NAMED_BY_PROCESSOR.search(name):
                found.add(value)
    for token in getattr(tokenizer, "added_tokens_decoder", {}).values():
        if token.special and _MEDIA_WORDS.search(token.content):
            found.add(token.content)
    return tuple(sorted((token for token in found if len(token) > 1), key=lambda token: (-len(token), token)))
