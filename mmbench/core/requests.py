"""What a model is asked: to generate a text, to choose among answers, or to embed a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from mmbench.core.ids import seed_of_sample
from mmbench.core.media import Media
from mmbench.core.samples import Part

GENERATION = ("max_new_tokens", "temperature", "top_p", "stop", "thinking", "chat_template_kwargs")
"""Fields of `Generate` that say how an answer is generated, which users may set."""

SETTINGS = (*GENERATION, "repeats")
"""What users may set of how every task is asked: `GENERATION`, and how often each question is asked."""

RequestKind = Literal["generate", "choose", "embed"]
Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one side says in a conversation."""

    role: Role
    """Who says it."""
    parts: tuple[Part, ...]
    """Text and media, interleaved."""


@dataclass(slots=True, kw_only=True)
class Request:
    """What all requests share. A task fills in the content, the runner the identity (`identify`)."""

    kind: ClassVar[RequestKind]
    id: str = ""
    """``task/sample/n``: the n-th request made from that sample."""
    sample_id: str = ""
    """The sample that it was made from."""
    seed: int = 0
    """For whatever the model draws: derived from (run seed, task, sample id), in [0, 2**63)."""

    @property
    def content(self) -> tuple[Part, ...]:
        """The parts, in reading order."""
        return ()

    @property
    def text(self) -> str:
        """The text parts, one a line."""
        return "\n".join(part for part in self.content if isinstance(part, str))

    @property
    def media(self) -> list[Media]:
        """The media among the parts, in reading order."""
        return [part for part in self.content if isinstance(part, Media)]

    @property
    def modalities(self) -> frozenset[str]:
        """The kinds of the parts: ``image``, ``audio``, ``video`` and ``text``."""
        return frozenset({"text" if isinstance(part, str) else part.kind for part in self.content})

    @property
    def images(self) -> list[Media]:
        """The images among the parts, in reading order."""
        return [part for part in self.media if part.kind == "image"]


@dataclass(slots=True, kw_only=True)
class Generate(Request):
    """Write a text."""

    kind = "generate"
    parts: tuple[Part, ...] = ()
    """The prompt: text and media, interleaved. The short form of one message of the user."""
    messages: tuple[Message, ...] = ()
    """A whole conversation (system text, examples with their answers, the question last); empty where `parts` says it all."""
    max_new_tokens: int = 32
    """Stop after this many tokens of the model's own tokenizer."""
    stop: tuple[str, ...] = ()
    """Stop before any of these texts."""
    temperature: float = 0.0
    """0 is greedy decoding."""
    top_p: float | None = None
    """Draw from the smallest set of tokens that has this share of the probability; None: from all."""
    thinking: bool | int | None = None
    """Whether the model reasons before it answers; a number: for so many tokens at most; None: as the model does by itself."""
    chat_template_kwargs: Mapping[str, Any] | None = None
    """What the chat template is given beside the messages; None: nothing."""
    choices: tuple[str, ...] | None = None
    """The closed answer set where the task has one; a model that only has `choose` is served with it."""

    @property
    def content(self) -> tuple[Part, ...]:
        """All parts of all messages."""
        return _content(self.messages) if self.messages else self.parts


@dataclass(slots=True, kw_only=True)
class Choose(Request):
    """Give every choice a score or log-probability; the highest is the answer, ties share it."""

    kind = "choose"
    parts: tuple[Part, ...] = ()
    """The prompt: text and media, interleaved. The short form of one message of the user."""
    messages: tuple[Message, ...] = ()
    """A whole conversation, as in `Generate`."""
    choices: tuple[str, ...]
    """What to choose among, at least one."""

    @property
    def content(self) -> tuple[Part, ...]:
        """All parts of all messages."""
        return _content(self.messages) if self.messages else self.parts


@dataclass(slots=True, kw_only=True)
class Embed(Request):
    """Turn one part into a vector; every vector of a task has the same length."""

    kind = "embed"
    part: Part
    """The text or the medium to embed."""

    @property
    def content(self) -> tuple[Part, ...]:
        """The one part."""
        return (self.part,)


def conversation(request: Request) -> tuple[Message, ...]:
    """The messages of a request; its parts are one message of the user.

    >>> conversation(Generate(parts=("Is it red?",)))
    (Message(role='user', parts=('Is it red?',)),)
    """
    messages: tuple[Message, ...] = getattr(request, "messages", ())
    return messages or (Message("user", request.content),)


def _content(messages: Sequence[Message]) -> tuple[Part, ...]:
    return tuple(part for message in messages for part in message.parts)


def identify(requests: Sequence[Request], task: str, sample_id: str, seed: int) -> None:
    """Give requests made from one sample their ids and their seed, in place. `seed` is the run's."""
    sample_seed = seed_of_sample(seed, task, sample_id)
    for n, request in enumerate(requests):
        request.id = f"{task}/{sample_id}/{n}"
        request.sample_id = sample_id
        request.seed = sample_seed


def as_choose(request: Request) -> Choose:
    """The same question as a choice among its closed answer set. Raises ValueError where it has none."""
    if isinstance(request, Choose):
        return request
    if not isinstance(request, Generate) or not request.choices:
        raise ValueError(f"request {request.id!r} has no closed answer set to choose from")
    return Choose(
        parts=request.parts,
        messages=request.messages,
        choices=request.choices,
        id=request.id,
        sample_id=request.sample_id,
        seed=request.seed,
    )
