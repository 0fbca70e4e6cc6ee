"""Descriptions of images to translate: BLEU and chrF with sacreBLEU's signatures; a card, or your own files of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmbench.core import AnswerFiles, CardFamily, DataError, Output, Task
from mmbench.data import card_of_file, read_records
from mmbench_tasks.questions import answers_of
from mmbench_tasks.translation.card import Sentence, TranslationCard
from mmbench_tasks.translation.files import read_lines
from mmbench_tasks.translation.task import TranslationTask

_ROWS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv")
_NOT_LANGUAGES = ("id", "image", "slices", "group")


class TranslationFamily(CardFamily[TranslationCard], AnswerFiles):
    """Sentences about images, translated."""

    name = "translation"
    default = None
    card_type = TranslationCard
    task_type = TranslationTask
    needs = (
        "translation needs a file of references beside the translations: a line a sentence, or rows with a field a language; or name a "
        "card, such as translation/multi30k, with --references"
    )

    def from_data(self, name: str, path: Path) -> TranslationTask:
        """The task ``translation/NAME`` over rows with a field for each language (its code), and maybe ``id``. Raises `DataError`."""
        rows = []
        for number, record in enumerate(read_records(path)):
            texts = {
                code: (record.text(code),)
                for code in record.fields
                if len(code) in (2, 3) and code not in _NOT_LANGUAGES and record.has(code)
            }
            if len(texts) < 2:
                raise record.error("expected the sentence in two languages, in fields such as 'en' and 'de'")
            rows.append(Sentence(str(record.fields.get("id", f"row-{number}")), texts))
        return _over(name, path, rows, tuple(rows[0].texts))

    def from_references(self, path: Path) -> TranslationTask:
        """The task over lines of references, or over rows as in `from_data`."""
        if path.suffix.lower() in _ROWS:
            return self.from_data(path.stem, path)
        rows = [
            Sentence(str(n), {"source": ("(not given)",), "target": (text,)}) for n, text in enumerate(read_lines(path))
        ]
        return _over(path.name.partition(".")[0], path, rows, ("source", "target"))

    def outputs_of(self, path: Path, task: Task) -> Mapping[str, Sequence[Output]]:
        """Sentence to translation: a line a sentence in the order of the references, or rows with an id."""
        if path.suffix.lower() in (*_ROWS, ".xlsx"):
            return answers_of(path, task)
        lines, samples = read_lines(path), task.samples()
        if len(lines) != len(samples):
            raise DataError(f"{path} has {len(lines):,} lines; {task.info.name} has {len(samples):,} sentences")
        return {sample.id: (line,) for sample, line in zip(samples, lines, strict=True)}


def _over(name: str, path: Path, rows: Sequence[Sentence], languages: tuple[str, ...]) -> TranslationTask:
    described = f"sentences to translate, from {path.name}"
    return TranslationTask(
        card_of_file(TranslationCard, f"translation/{name}", path, rows, description=described, languages=languages)
    )


family = TranslationFamily()
