"""What a declared option is: its name, type, default, range and help, and how a value of it is checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from mmbench.core.errors import OptionError
from mmbench.resolve import forms
from mmbench.resolve.forms import Form

Group = Literal["what", "data", "ask", "model", "speed", "results", "other"]

GROUPS: dict[Group, str] = {
    "what": "What is run",
    "data": "Data",
    "ask": "What is asked",
    "model": "Model",
    "speed": "Speed",
    "results": "Results",
    "other": "Options",
}
"""Group to its heading in ``--help``, in order."""


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One option."""

    help: str
    """What it does, in one sentence for ``--help`` and the reference page."""
    form: Form
    """Its type and range."""
    group: Group = "other"
    """Where it stands in ``--help``."""
    default: Any = None
    """What holds where it is not given."""
    identity: bool = False
    """Whether it is part of the identity of a run or of its tasks: another value is another run, or asks again."""
    name: str = ""
    """As it is typed, without dashes in front; the keyword of a declaration, with dashes, where it is empty."""
    also: tuple[str, ...] = ()
    """Other spellings."""
    short: str = ""
    """The letter of its short form."""
    bare: Any = None
    """The value where it is typed without one; None: it needs one."""
    parameter: str = ""
    """Name of the parameter that it sets, where that is not the keyword."""

    @property
    def keyword(self) -> str:
        """Its name in Python."""
        return self.parameter or self.name.replace("-", "_")

    @property
    def spellings(self) -> tuple[str, ...]:
        """All its long names, the usual one first."""
        return (self.name, *self.also)

    def value(self, given: Any, where: str = "") -> Any:
        """Check a value of Python or TOML.

        Args:
            given: The value; None stands for the default.
            where: What the user wrote it after, such as ``--limit``; the keyword where it is empty.

        Returns:
            The value as the program uses it.

        Raises:
            OptionError: If the value is of another type or out of range.
        """
        if given is None:
            return self.default
        try:
            return self.form.read(given)
        except (TypeError, ValueError, AttributeError):
            raise OptionError(where or self.keyword, given, self.form.expected) from None

    def parsed(self, given: Any, where: str) -> Any:
        """Check a value that was written as text; as `value`, which says what is raised."""
        try:
            typed = self.form.parse(given)
        except (TypeError, ValueError):
            raise OptionError(where, given, self.form.expected) from None
        return self.value(typed, where)

    def configured(self, given: Any, where: str) -> Any:
        """Check a value of ``mmbench.toml``, where an option that can be given several times may be a text or a list."""
        texts = [given] if isinstance(given, str) else given
        if self.form.many and isinstance(texts, list) and all(isinstance(each, str) for each in texts):
            return self.parsed(texts, where)
        return self.value(given, where)

    def arguments(self, value: Any) -> list[str]:
        """The words of a command line that give it a value; none for its default."""
        if value == self.default:
            return []
        if self.form.flag:
            return [f"--{self.name}"]
        texts = [str(value)]
        if isinstance(value, Mapping):
            texts = [",".join(f"{key}={forms.as_text(each)}" for key, each in value.items())]
        elif isinstance(value, tuple):
            texts = [f"{each.name}={each.path}" if each.name else each.path for each in value]
        return [word for text in texts for word in (f"--{self.name}", text)]
