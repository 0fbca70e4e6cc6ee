"""How a checkpoint's chat template wants its messages, found out by rendering a tiny conversation."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.core.media import Media
from mmbench.core.requests import Message
from mmbench.core.samples import Part
from mmbench.models.hf.families import Family
from mmbench.models.hf.placeholders import placeholders
from mmbench.models.hf.placement import Placement, Process, image_tokens, placement

_PROBE = "mmbenchprobe"
_SYSTEM_PROBE = "mmbenchsystem"
_NONE = Family()
_IN_TEXT = Placement(how="text", token="<image>")  # noqa: S106 - no password


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFormat:
    """What a chat template takes. Without a template, the parts are written below each other."""

    content: str = "parts"
    """``parts``: a list of typed parts; ``text``: one text, in which images are placeholders; ``none``: there is no
    template."""
    system: bool = True
    """Whether a system message is written; otherwise its text comes before the user's."""
    source: str = "none"
    """Where the template comes from: ``file`` (the user's), ``processor``, ``tokenizer``, or ``none``."""
    family: Family = _NONE
    """What the checkpoint's family does in its own way."""
    placement: Placement = _IN_TEXT
    """Who puts an image into a prompt that is one text."""
    image_token: str | None = "<image>"  # noqa: S105 - no password
    """What a prompt must hold once for every image; None: nothing, the processor does it."""
    places_images: bool = True
    """Whether the template writes it for an image."""
    thinking: bool = False
    """Whether the template knows ``enable_thinking``."""
    thinking_budget: bool = False
    """Whether the template knows ``thinking_budget``."""
    placeholders: tuple[str, ...] = ("<image>",)
    """Tokens that stand for media, the longest first: data that hold one must not be taken for more media."""

    def record(self) -> dict[str, Any]:
        """What the run record says of it."""
        return {"content": self.content, "system": self.system, "source": self.source}

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
        images = itertools.count(1)
        if self.content == "none":
            parts = [part for message in messages for part in message.parts]
            return (self.family.plain or "{}").replace("{}", self._as_text(parts, images))
        return _apply(processor, [self._message(message, images) for message in messages], given)

    def _as_text(self, parts: Sequence[Part], images: Iterator[int]) -> str:
        """Parts one after the other, images as what stands for them."""
        text, after = "", ""
        for part in parts:
            if not isinstance(part, Media):
                text += f"{after and self._joint(part, after)}{part}"
                after = "text"
            elif self.placement.how == "text":
                written = (self.family.image or self.placement.token).replace("{n}", str(next(images)))
                text += f"{after and self.family.joint}{written}"
                after = "image"
        return text

    def _joint(self, part: str, after: str) -> str:
        return "\n" if after == "text" else self.family.joint

    def marks(self, text: str) -> int | None:
        """How many images a prompt has places for; None where the processor makes them."""
        if self.image_token is None:
            return None
        if self.family.image and self.content != "parts":
            before, _, behind = self.family.image.partition("{n}")
            return len(re.findall(rf"{re.escape(before)}\d*{re.escape(behind)}", text))
        return text.count(self.image_token)

    def _message(self, message: Message, images: Iterator[int]) -> dict[str, Any]:
        if self.content == "text":
            return {"role": message.role, "content": self._as_text(message.parts, images)}
        return {"role": message.role, "content": [_typed(part) for part in message.parts]}


def chat_format(
    processor: Any,
    process: Process,
    *,
    family: Family | None = None,
    config: Any = None,
    source: str = "",
) -> ChatFormat:
    """Find out what the chat template of a processor takes.

    A template that prints the repr of a list, or fails on one, takes a text.

    Args:
        processor: The processor, with its template, or that of its tokenizer, or one of the user's.
        process: Runs the processor.
        family: What the checkpoint's family does in its own way; None: nothing.
        config: The configuration of the model; None where it is not known.
        source: Where the template comes from.

    Raises:
        UsageError: If the template renders neither.
    """
    family = family or Family()
    tokens = image_tokens(processor, config)
    plain = ChatFormat(
        family=family,
        placeholders=placeholders(processor, getattr(processor, "tokenizer", None), _written(family, tokens)),
    )
    template = getattr(processor, "chat_template", None)
    content = _content(processor) if template else "none"
    if content != "parts":
        place = Placement(how="text", token=family.image) if family.image else placement(processor, config, process)
        plain = replace(plain, placement=place, image_token=place.token or None)
    plain = replace(plain, content=content, source=(source or "processor") if template else "none")
    if content == "none":
        return plain
    if content == "parts":
        token = _written_once(processor, tokens)
        place = Placement(how="text", token=token) if token else placement(processor, config, process)
        expected = (place.token or next(iter(tokens), "<image>")) if place.how == "text" else None
        plain = replace(plain, placement=place, image_token=expected, places_images=token is not None or not expected)
    return replace(
        plain,
        system=_writes_system(processor, plain),
        thinking=_heeds(processor, plain, "enable_thinking", (False, True)),
        thinking_budget=_heeds(processor, plain, "thinking_budget", (101, 202)),
    )


def _content(processor: Any) -> str:
    """``parts`` or ``text``: what a template takes. Raises `UsageError`."""
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
        raise UsageError(
            f"the chat template fails on every message ({next(iter(problems.values()))}); "
            "give one that works: --model-args chat_template=FILE"
        )
    return content.partition(" ")[0]


def _written(family: Family, tokens: Sequence[str]) -> list[str]:
    """What may stand for an image; of numbered ones what is before the number."""
    return [*tokens, family.image.partition("{n}")[0]] if family.image else list(tokens)


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


def _written_once(processor: Any, tokens: Sequence[str]) -> str | None:
    """What a template writes for an image, among the tokens that may stand for one; None where it writes none of them."""
    written: list[str | None] = []
    for images in (1, 2):
        content = [*[{"type": "image"}] * images, {"type": "text", "text": _PROBE}]
        try:
            written.append(_apply(processor, [{"role": "user", "content": content}]))
        except Exception:  # noqa: BLE001 - as above; some templates take one image at most
            written.append(None)
    one, two = written
    if one is None:
        return None
    fitting = [token for token in tokens if one.count(token) == 1]
    return next((token for token in fitting if two is not None and two.count(token) == 2), next(iter(fitting), None))
