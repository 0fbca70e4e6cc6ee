"""Prompts: versioned templates with named fields, a system text, and examples from the training split.

A family of tasks declares its prompts in a `PromptBook`. A user's own prompt is a file: plain text, or TOML with the fields
of `Prompt`, which `read_prompt` turns into a mapping that the options of a task and ``run.json`` can hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from string import Formatter
from typing import Any

from mmbench.core.errors import UnknownNameError, UsageError

EVERY = ""
"""Stands for every case of a prompt: the key of a template or an extractor that serves all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """How a question is put to a model."""

    name: str
    """Name, which ends in its version. A prompt that has been used in a release is never changed."""
    templates: Mapping[str, str]
    """Case to template; the cases are the family's, such as ``open`` and ``closed`` for questions."""
    alias: str = ""
    """A short name, which is the one that the name of a variant shows."""
    system: str = ""
    """What the system message says; empty: there is none."""
    shots: int = 0
    """Number of examples before the question, each with its answer."""
    seed: int = 0
    """Draws the examples from the training split."""
    max_new_tokens: int = 16
    """How much a model may write."""
    extractors: Mapping[str, str] = field(default_factory=dict)
    """Case to the name of the extractor that fits the prompt; empty: the family chooses."""

    def render(self, case: str, **values: str) -> str:
        """The text for one question. Raises `UsageError` where the template holds a field that this case does not give."""
        try:
            return self.template(case).format(**values)
        except KeyError as error:
            raise UsageError(f"prompt {self.name!r} holds {{{error.args[0]}}}, which {case!r} does not give") from error

    def template(self, case: str) -> str:
        """The template of a case. Raises `UsageError` where the prompt has none."""
        template = self.templates.get(case) or self.templates.get(EVERY)
        if template is None:
            raise UsageError(f"prompt {self.name!r} has no template {case!r}")
        return template

    def extractor(self, case: str) -> str:
        """The name of the extractor that fits a case; empty where the family chooses."""
        return self.extractors.get(case) or self.extractors.get(EVERY, "")

    def stated(self, templates: str) -> str:
        """Everything that the prompt adds to a question, as a task states it.

        Args:
            templates: The templates in force, as the family states them.
        """
        system = f"; system {self.system!r}" if self.system else ""
        shots = f"; {self.shots} examples, seed {self.seed}" if self.shots else ""
        return f"{self.name}: {templates}{system}{shots}"


@dataclass(frozen=True, slots=True)
class PromptBook:
    """The prompts of a family, and what templates of that family may hold."""

    prompts: tuple[Prompt, ...]
    """The family's own prompts."""
    fields: Mapping[str, tuple[str, ...]]
    """Case to the fields that its templates may hold."""
    needed: tuple[str, ...] = ()
    """Fields that every template must hold."""

    def find(self, value: Any) -> Prompt:
        """The prompt with a name or alias, or that of a mapping as `read_prompt` gives it.

        Raises:
            UnknownNameError: If there is no such prompt, or the mapping has a field that prompts do not have.
            UsageError: If a field or a template is not what it must be.
        """
        if isinstance(value, Mapping):
            return self._own(value)
        for prompt in self.prompts:
            if value in (prompt.name, prompt.alias):
                return prompt
        known = [name for prompt in self.prompts for name in (prompt.alias, prompt.name) if name]
        hint = f"There are: {', '.join(known)}; a file needs an ending, such as my.toml."
        raise UnknownNameError("prompt", str(value), known, hint=hint)

    def option(self, value: Any) -> Any:
        """The value as a task's options hold it: the short name of a prompt, or the mapping. Raises as `find`."""
        prompt = self.find(value)
        return dict(value) if isinstance(value, Mapping) else prompt.alias or prompt.name

    def _own(self, given: Mapping[str, Any]) -> Prompt:
        what = f"prompt {given.get('name', '')!r}"
        taken = {each.name for each in fields(Prompt)} - {"alias", "extractors", "templates"}
        known = (*sorted(taken), "extractor", "template", *self.fields)
        for name in given:
            if name not in known:
                raise UnknownNameError(f"field of {what}:", name, known)
        for name in ("name", "system", "extractor"):
            if not isinstance(given.get(name, ""), str):
                raise UsageError(f"{what}: {name} is {given[name]!r}; expected a text")
        for name in ("shots", "seed", "max_new_tokens"):
            value = given.get(name, 1)
            if not isinstance(value, int) or isinstance(value, bool) or value < (name == "max_new_tokens"):
                raise UsageError(f"{what}: {name} is {value!r}; expected a whole number")
        templates = {case: given[case] for case in self.fields if case in given}
        if "template" in given:
            templates[EVERY] = given["template"]
        if not templates:
            raise UsageError(
                f"{what} has no template; write template = '…' (or one for each of: {', '.join(self.fields)})"
            )
        for case, template in templates.items():
            self._check_template(what, case, template)
        extractors = {EVERY: given["extractor"]} if given.get("extractor") else {}
        own = {name: given[name] for name in taken if name in given}
        return Prompt(**{"max_new_tokens": 512, **own}, templates=templates, extractors=extractors)

    def _check_template(self, what: str, case: str, template: Any) -> None:
        """Raise `UsageError` for a template with other fields than its cases give, or without one that is needed."""
        if not isinstance(template, str):
            raise UsageError(f"{what}: a template is a text")
        given = {field for name, names in self.fields.items() if case in (EVERY, name) for field in names}
        try:
            found = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(template)]
        except ValueError as error:
            raise UsageError(f"{what}: {error}; write {{{{ and }}}} for braces in the text") from error
        used = {str(name) for name, _, _ in found if name is not None}
        if unknown := sorted(used - given):
            listed = ", ".join(f"{{{name}}}" for name in sorted(given)) or "none"
            raise UsageError(
                f"{what} has the field {{{unknown[0]}}}, which it is not given here; fields: {listed} "
                "(write {{ and }} for braces in the text)"
            )
        if any(spec or conversion for _, spec, conversion in found):
            raise UsageError(
                f"{what}: a field is a plain name in braces, such as {{{self.needed[0] if self.needed else 'text'}}}"
            )
        if lacking := [name for name in self.needed if name not in used]:
            raise UsageError(f"{what} does not ask: it lacks the field {{{lacking[0]}}}")


def read_prompt(path: Path) -> dict[str, Any]:
    """Read a prompt from a file: TOML, or plain text that is the template.

    Args:
        path: A file that ends in ``.toml``, or any other text file.

    Returns:
        What `PromptBook.find` takes. The name is that of the file where the file gives none.

    Raises:
        UsageError: If the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the prompt {path}: {getattr(error, 'strerror', None) or error}") from error
    if path.suffix != ".toml":
        return {"name": path.stem, "template": text.rstrip("\n")}
    import tomllib

    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    return {"name": path.stem, **found}


def prompts_of(given: Iterable[str]) -> tuple[Any, ...]:
    """What was written after ``--prompt``: names as they are, files as `read_prompt` reads them. Raises `UsageError`."""
    return tuple(read_prompt(Path(each).expanduser()) if _is_file(each) else each for each in given)


def _is_file(given: str) -> bool:
    return "/" in given or "\\" in given or bool(Path(given).suffix) or Path(given).is_file()
