"""Names that travel: metric ids that round-trip, seeds that order cannot change, nearest names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

_SHORT, _KNOWN, _PIECES = 24, 4096, 4096
_METRIC = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(?:@(?P<cutoff>[1-9][0-9]*))?(?:\((?P<params>[^()]*)\))?")
_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
_NAME = re.compile(r"(?:[^,(]|\([^()]*\)?)+")
_SETTING = re.compile(r"[A-Za-z0-9_.+%/:-]{1,40}")


@dataclass(frozen=True, slots=True)
class MetricId:
    """The name of a metric with its whole convention, as text that can be parsed back.

    The text is ``name``, an optional ``@cutoff``, and optional parameters in alphabetical order.

    >>> str(MetricId.parse("recall@5(direction=t2i)"))
    'recall@5(direction=t2i)'
    >>> MetricId.parse("acc2(zero=without,convention=mmsa)") == MetricId.parse("acc2(convention=mmsa,zero=without)")
    True
    """

    name: str
    """What is measured, in lower case: ``recall``."""
    cutoff: int | None = None
    """The k of ``recall@k``; None where the metric has none."""
    params: tuple[tuple[str, str], ...] = field(default=())
    """The convention, as (key, value) pairs in alphabetical order of the keys."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(sorted(self.params)))
        keys = [key for key, _ in self.params]
        words = [word for pair in self.params for word in pair]
        if len(set(keys)) != len(keys) or not all(_WORD.fullmatch(word) for word in words):
            raise ValueError(f"not the parameters of a metric id: {self.params!r}")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name) or (self.cutoff is not None and self.cutoff < 1):
            raise ValueError(f"not a metric id: {self.name!r}, cutoff {self.cutoff!r}")

    def __str__(self) -> str:
        cutoff = "" if self.cutoff is None else f"@{self.cutoff}"
        params = ",".join(f"{key}={value}" for key, value in self.params)
        return f"{self.name}{cutoff}({params})" if params else f"{self.name}{cutoff}"

    @classmethod
    def parse(cls, text: str) -> MetricId:
        """Parse ``name[@cutoff][(key=value,…)]``. Raises ValueError on anything else."""
        match = _METRIC.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a metric id: {text!r} (expected name@k(key=value,…))")
        params: list[tuple[str, str]] = []
        for item in (match["params"] or "").split(",") if match["params"] else []:
            key, sign, value = (piece.strip() for piece in item.partition("="))
            if not sign:
                raise ValueError(f"not a metric id: {text!r} (parameter {item!r} has no '=')")
            params.append((key, value))
        return cls(match["name"], int(match["cutoff"]) if match["cutoff"] else None, tuple(params))


def without_parameters(metric_id: str) -> str:
    """The id of a metric without its parameters. Raises ValueError for what is no id.

    >>> without_parameters("recall@5(direction=t2i)")
    'recall@5'
    """
    parsed = MetricId.parse(metric_id)
    return str(MetricId(parsed.name, parsed.cutoff))


def names_of(given: str | Iterable[str]) -> tuple[str, ...]:
    """Names, separated by commas or not. A comma within parentheses separates nothing.

    >>> names_of("vqa, retrieval"), names_of(["vqa", "a,b"]), names_of("vqa(prompt=cot,stop=x),a")
    (('vqa', 'retrieval'), ('vqa', 'a', 'b'), ('vqa(prompt=cot,stop=x)', 'a'))
    """
    texts = [given] if isinstance(given, str) else given
    return tuple(name.strip() for text in texts for name in _NAME.findall(text) if name.strip())


def variant_name(task: str, settings: Mapping[str, object]) -> str:
    """The name of a task with settings that differ from its own, in alphabetical order; without any, the task's name.

    A value that is long or holds other characters than those of a word is shown by eight digits of its digest, a prompt of a
    file by its name.

    >>> variant_name("vqa/my", {"prompt": "cot", "max_new_tokens": 512})
    'vqa/my(max_new_tokens=512,prompt=cot)'
    >>> variant_name("vqa/my", {})
    'vqa/my'
    """
    listed = ",".join(f"{name}={_shown_setting(value)}" for name, value in sorted(settings.items()))
    return f"{task}({listed})" if listed else task


def _shown_setting(value: object) -> str:
    import hashlib

    if isinstance(value, Mapping):
        value = value.get("name", value)
    text = ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return text if _SETTING.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()[:8]


def split_variant(name: str) -> tuple[str, dict[str, str]]:
    """A task's own name and the settings after it. Parentheses that hold no settings belong to the name.

    >>> split_variant("vqa/my(prompt=cot)"), split_variant("vqa/my (1)")
    (('vqa/my', {'prompt': 'cot'}), ('vqa/my (1)', {}))
    """
    task, opened, rest = name.rpartition("(")
    settings = [each.partition("=") for each in rest.removesuffix(")").split(",")]
    if not (opened and task and rest.endswith(")") and all(key.strip() and sign for key, sign, _ in settings)):
        return name, {}
    return task, {key.strip(): value.strip() for key, _, value in settings}


def tasks_named(wanted: str, known: Iterable[str]) -> list[str]:
    """The tasks that a name stands for: the one with that full name, else those of the family or variants of the task.

    >>> known = ["vqa/my", "vqa/my(prompt=cot)", "vqa/other(prompt=cot)"]
    >>> tasks_named("vqa/my", known), tasks_named("vqa/other", known), len(tasks_named("vqa", known))
    (['vqa/my'], ['vqa/other(prompt=cot)'], 3)
    """
    names = list(known)
    return [wanted] if wanted in names else [name for name in names if name.startswith((f"{wanted}/", f"{wanted}("))]


def derive_seed(*parts: str | int) -> int:
    """A seed in [0, 2**63) from names and numbers; the same parts give the same seed on every machine.

    Seeds come from (run seed, task, sample id), never from a counter, so order and workers change nothing.

    >>> derive_seed(0, "vqa/easy-vqa", "test-0") == derive_seed(0, "vqa/easy-vqa", "test-0")
    True
    """
    import hashlib

    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_of_sample(seed: int, task: str, sample_id: str) -> int:
    """As `derive_seed`, and faster for many samples of a task.

    >>> seed_of_sample(0, "vqa/easy-vqa", "test-0") == derive_seed(0, "vqa/easy-vqa", "test-0")
    True
    """
    hashed = _hashed(seed, task).copy()
    hashed.update(sample_id.encode())
    return int.from_bytes(hashed.digest(), "big") >> 1


@lru_cache(maxsize=64)
def _hashed(seed: int, task: str) -> Any:
    import hashlib

    return hashlib.blake2b(f"{seed}\x1f{task}\x1f".encode(), digest_size=8)


def dataset_digest(parts: Iterable[str | bytes]) -> str:
    """sha256 over a sequence of texts and bytes, each preceded by its type and length."""
    import hashlib

    digest = hashlib.sha256()
    known = _Pieces()
    rest = iter(parts)
    while batch := list(islice(rest, _PIECES)):  # one update for many parts is several times as fast
        try:
            digest.update("".join(map(known.__getitem__, batch)).encode())
        except _NotTextError:
            for part in batch:
                if isinstance(part, str):
                    digest.update(known[part].encode())
                else:
                    digest.update(b"b%d:" % len(part))
                    digest.update(part)
    return digest.hexdigest()


class _NotTextError(Exception):
    """A part is bytes."""


class _Pieces(dict[str | bytes, str]):
    """Texts with their type and length before them. Short ones come again and again, and are kept."""

    def __missing__(self, part: str | bytes) -> str:
        if not isinstance(part, str):
            raise _NotTextError
        piece = f"t{len(part) if part.isascii() else len(part.encode())}:{part}"
        if len(part) < _SHORT and len(self) < _KNOWN:
            self[part] = piece
        return piece


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that look most like `name`, best first; empty when none comes close.

    >>> nearest_names("vqa/esy-vqa", ["vqa/easy-vqa", "retrieval"])
    ['vqa/easy-vqa']
    """
    import difflib

    candidates = sorted(set(known))
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.casefold(), list(by_folded), n=count, cutoff=0.6)
    inside = [c for c in by_folded if name.casefold() in c.split("/") and c not in close]
    return [by_folded[folded] for folded in [*close, *inside]][:count]
