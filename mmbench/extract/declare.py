"""Declare an answer extractor: its name, version, examples and the function that finds the answer in what a model wrote.

A declaration is an `Extractor`. It documents itself: `mmbench list extractors` and the reference page are read from it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from importlib import import_module
from typing import Any, Literal

from mmbench.extract.normal_form import normalise

Choices = tuple[str, ...] | None
"""The closed set of answers, or None where any text may be the answer."""
Reads = Literal["text", "number"]
"""What an extractor finds: a text, or a number as its shortest text."""
Example = tuple[str, Choices, str | None]
"""What a model wrote, the closed set of answers, and what is found."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Extractor:
    """A way to find the answer in what a model wrote. Its text form, ``exact-v1``, is part of how answers are scored.

    Raises:
        ValueError: If the name is none that can be registered.
    """

    name: str
    """The name that users type, and under which it is registered."""
    version: str
    """Changes whenever the function could return something else."""
    extract: Callable[[str, Choices], str | None]
    """(text, closed set or None) to the answer, or None where the text holds none, or not a single one. With a closed
    set the answer is one of the set, as written there; without one it is in the form in which answers are compared."""
    _: KW_ONLY
    description: str
    """What it accepts, in a few sentences."""
    examples: tuple[Example, ...] = ()
    """What it finds in some texts; tests and the reference page are made from them."""
    reads: Reads = "text"
    """What it finds."""
    needs_choices: bool = False
    """Whether it looks for one of a closed set; a task without any refuses it."""
    normalise: Callable[[str], str] = normalise
    """Brings references to the form in which answers are compared."""
    among: Callable[[str, Sequence[str]], list[str]] | None = None
    """(answer, references) to those that the answer gives, where that is another question than which of them it equals."""

    suggested: bool = True
    """Whether it is named where another one finds no answer in many outputs; False for those that read as one benchmark's script does."""
    extends: tuple[str, ...] = ()
    """Earlier versions of which it finds every answer that they found: where they found one in all outputs, the scores are
    those of today."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of an extractor; expected lower-case words joined by hyphens")

    def __call__(self, text: str, choices: Choices = None) -> str | None:
        """Find the answer; see `extract`."""
        return self.extract(text, choices)

    def gives(self, answer: str, references: Sequence[str]) -> bool:
        """Whether an answer to a question without a closed set is one of the references."""
        if self.among is not None:
            return bool(self.among(answer, references))
        return any(answer == self.normalise(reference) for reference in references)

    def __str__(self) -> str:
        return f"{self.name}-v{self.version}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the place of the declaration, which stands where its function did."""
        return _declared, (self.extract.__module__, self.extract.__qualname__)


def _declared(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def extractor(
    name: str, version: str, *, examples: Sequence[Example] = (), **declared: Any
) -> Callable[[Callable[[str, Choices], str | None]], Extractor]:
    """Declare an extractor: a decorator of the function that finds the answer.

    The docstring of the function, up to its arguments, is the description.

    Args:
        name: The name that users type, and under which it is registered.
        version: Changes whenever the function could return something else.
        examples: Texts with what is found in them.
        **declared: ``reads``, ``needs_choices``, ``normalise``, ``among``, ``suggested`` and ``extends``, as in `Extractor`.

    Returns:
        The decorator; what it returns is what an entry point of ``mmbench.extractors`` names.

    Raises:
        ValueError: As `Extractor` does.

    Example:
        >>> @extractor("shouted", "1", examples=[("it is RED", None, "red")])
        ... def shouted(text, choices):
        ...     '''The only word in capitals.'''
        ...     words = {word.lower() for word in text.split() if word.isupper()}
        ...     return words.pop() if len(words) == 1 else None
        >>> str(shouted), shouted("it is RED"), shouted.description
        ('shouted-v1', 'red', 'The only word in capitals.')
    """

    def declare(function: Callable[[str, Choices], str | None]) -> Extractor:
        prose = re.split(r"\n(?=Args:|Returns:|Raises:|Example:)", inspect.getdoc(function) or "")[0]
        description = " ".join(prose.split())
        return Extractor(name, version, function, description=description, examples=tuple(examples), **declared)

    return declare
