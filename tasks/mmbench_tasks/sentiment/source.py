"""Utterances as a source of a task, and the digest of everything in them that could change a score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mmbench_tasks.sentiment.card import Utterance


class Utterances:
    """Utterances that were read from a user's file, by split."""

    def __init__(self, splits: Mapping[str, Sequence[Utterance]]) -> None:
        self.splits = dict(splits)

    def rows(self, split: str) -> Sequence[Utterance]:
        """The utterances of a split, in the order of the file."""
        return self.splits[split]

    def fingerprint(self) -> str:
        """Digest of ids, texts, labels, groups, slices and pictures of the split ``test``."""
        return utterances_digest(self.rows("test"))


def utterances_digest(rows: Sequence[Utterance]) -> str:
    """Digest of everything in utterances that could change a score."""
    from mmbench.data import dataset_digest

    return dataset_digest(text for row in rows for text in _scored(row))


def _scored(row: Utterance) -> Iterator[str]:
    yield from (row.id, row.image.digest if row.image else "", "given" if row.text is not None else "", row.text or "")
    yield from (row.label, repr(row.score), row.group)
    for name, label in sorted(row.slices.items()):
        yield from (name, label)
    yield "."
