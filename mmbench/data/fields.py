"""Which fields of a row mean what: the map from the names that mmbench uses to those of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmbench.core import UsageError
from mmbench.data.records import NumberText, Record, python_list

Expression = str | tuple[str, ...]
"""Where a value stands: the name of a field; ``a.b`` for ``b`` of the object ``a``; ``a[].b`` for ``b`` of every object in the
list ``a``; a template such as ``COCO_val2014_{image_id:012d}.jpg``; ``=text`` for the text itself; a tuple for a list of several,
of which those that are absent are left out."""

_BRACES = re.compile(r"\{([^{}:]+)(?::0?(\d+)d)?\}")
_NESTED = re.compile(r"([^\[\].]+)(\[\])?\.(.+)")
_LISTS = ("answers", "choices", "captions", "images")


class Fields(Mapping[str, Expression]):
    """A map from roles to where they stand in a row.

    Roles are the fields that readers know, such as ``id``, ``question``, ``answer``, ``choices``, ``image``, ``caption``, ``text``,
    ``label``, ``group``; a role ``slices.NAME`` becomes the slice NAME. What no role names stays under its own name, unless a
    role has that name.

    Args:
        answer_is: What the answer is: ``text``, ``index`` (its place among the choices, from 0) or ``letter``.
        roles: Role to `Expression`; a name with two underscores stands for one with a dot (``slices__category``).

    Example:
        >>> fields = Fields(id="question_id", question="text", answer="label", image="COCO_val2014_{image_id:012d}.jpg")
        >>> sorted(fields.names)
        ['image_id', 'label', 'question_id', 'text']
    """

    def __init__(self, *, answer_is: str = "text", **roles: Expression) -> None:
        if answer_is not in ("text", "index", "letter"):
            raise ValueError(f"answer_is={answer_is!r}: expected text, index or letter")
        self.answer_is = answer_is
        self._roles = {role.replace("__", "."): expression for role, expression in roles.items()}

    def __getitem__(self, role: str) -> Expression:
        return self._roles[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._roles)

    def __len__(self) -> int:
        return len(self._roles)

    def __repr__(self) -> str:
        return f"Fields({', '.join(f'{role}={expression!r}' for role, expression in self._roles.items())})"

    def over(self, other: Fields) -> Fields:
        """These fields, and those of another map for the roles that this one does not have."""
        made = Fields(answer_is=self.answer_is if self.answer_is != "text" else other.answer_is)
        made._roles = {**other._roles, **self._roles}
        return made

    @property
    def names(self) -> frozenset[str]:
        """The fields of a row that are read."""
        return frozenset(name for expression in self._roles.values() for name in names_of(expression))

    def apply(self, record: Record) -> Record:
        """The record with its roles as fields; absent ones are left out. Raises `DataError`."""
        found: dict[str, Any] = {}
        slices: dict[str, Any] = {}
        for role, expression in self._roles.items():
            value = evaluated(record, expression)
            if value is None:
                continue
            if isinstance(value, bool):
                value = "true" if value else "false"
            if role.startswith("slices."):
                slices[role.removeprefix("slices.")] = value
            else:
                found[role] = _as_list(record, role, value)
        found.setdefault("image", None)  # a question without an image says so
        if slices:
            found["slices"] = slices
        if "classes" in found:
            names = found.pop("classes")
            found["choices"] = names
            if "label" in found:
                found["label"] = _class_of(record, found["label"], names)
        if self.answer_is != "text" and "answer" in found and found.get("choices"):
            found["answer"] = chosen(record, found["answer"], found["choices"], self.answer_is)
        return Record(record.path, record.place, found)


def parse_fields(given: Mapping[str, str]) -> Fields:
    """The map that ``--map`` gives: role to field. Raises `UsageError`."""
    for role, name in given.items():
        if not str(name).strip() or not str(role).strip():
            raise UsageError(f"--map {role}={name}: expected ROLE=FIELD")
    answer_is = str(given.get("answer_is", "text"))
    if answer_is not in ("text", "index", "letter"):
        raise UsageError(f"--map answer_is={answer_is}: expected text, index or letter")
    several = {role: tuple(str(name).split("+")) for role, name in given.items() if "+" in str(name)}
    roles = {role: several.get(role, str(name)) for role, name in given.items() if role != "answer_is"}
    if "classes" in given:
        roles["classes"] = tuple(f"={name.strip()}" for name in str(given["classes"]).split("|"))
    return Fields(answer_is=answer_is, **roles)


def names_of(expression: Expression) -> Iterator[str]:
    """The fields of a row that an expression reads."""
    for each in (expression,) if isinstance(expression, str) else expression:
        if each.startswith("="):
            continue
        if "{" in each:
            yield from (name for name, _ in _BRACES.findall(each))
        else:
            nested = _NESTED.fullmatch(each)
            yield nested[1] if nested else each


def evaluated(record: Record, expression: Expression) -> Any:
    """The value of an expression in a record; None where it is absent. Raises `DataError`."""
    if not isinstance(expression, str):
        values = [evaluated(record, each) for each in expression]
        kept = [value for value in values if value is not None]
        return kept or None
    if expression.startswith("="):
        return expression[1:]
    if expression in record.fields:
        return record.fields[expression]
    if "{" in expression:
        return _filled(record, expression)
    nested = _NESTED.fullmatch(expression)
    if nested is None or record.fields.get(nested[1]) is None:
        return None
    outer, rest = record.fields[nested[1]], nested[3]
    if nested[2]:
        items = outer if isinstance(outer, list) else []
        return [evaluated(Record(record.path, record.place, item), rest) for item in items if isinstance(item, dict)]
    return evaluated(Record(record.path, record.place, outer), rest) if isinstance(outer, dict) else None


def _filled(record: Record, template: str) -> str | None:
    """A template with the values of its fields; None where one is absent."""
    for name, _ in _BRACES.findall(template):
        if not record.has(name):
            return None

    def value(match: re.Match[str]) -> str:
        text = record.identifier(record.fields[match[1]], f"field {match[1]!r}")
        if match[2] is None:
            return text
        if not text.isdecimal():
            raise record.error(f"field {match[1]!r}: expected a whole number, found {text[:60]!r}")
        return f"{int(text):0{match[2]}d}"

    return _BRACES.sub(value, template)


def _as_list(record: Record, role: str, value: Any) -> Any:
    """A list for roles that are one, also where it is written as Python or separated by bars."""
    if role not in _LISTS or not isinstance(value, str) or isinstance(value, NumberText):
        return value
    literal = python_list(value)
    if literal is not None:
        return literal
    if record.is_csv:
        return [cell.strip() for cell in value.split("|")]
    return [value] if role in ("answers", "captions") else value


def _class_of(record: Record, label: Any, names: Any) -> Any:
    """The name of a class that is given by its number or as true and false. Raises `DataError`."""
    text = {"false": "0", "true": "1"}.get(str(label).strip().lower(), str(label).strip())
    if not text.isdecimal():
        return label
    if int(text) >= len(names):
        raise record.error(
            f"field 'label': there is no class {text}; there are {len(names)}: {', '.join(map(str, names))}"
        )
    return names[int(text)]


def chosen(record: Record, answer: Any, choices: Any, kind: str) -> Any:
    """The choice that an answer names by its place or letter. Raises `DataError` for one that is not there."""
    if not isinstance(choices, list):
        raise record.error("field 'choices': expected a list")
    text = str(answer).strip()
    if kind == "letter":
        letter = text.strip("().").upper()
        if len(letter) != 1 or not letter.isalpha() or not letter.isascii():
            if text in map(str, choices):
                return answer
            raise record.error(f"the answer is {text[:60]!r}; expected the letter of one of {len(choices)} choices")
        place = ord(letter) - ord("A")
    elif text.isdecimal():
        place = int(text)
    else:
        raise record.error(f"the answer is {text[:60]!r}; expected the place of one of {len(choices)} choices, from 0")
    if place >= len(choices):
        raise record.error(f"the answer is {text[:60]!r}, and there are {len(choices)} choices")
    return choices[place]
