"""A task of the family `translation`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmbench.core import (
    FAILED,
    CardTask,
    DataError,
    Metric,
    Part,
    Prompt,
    Request,
    Response,
    Sample,
    ScoreStatus,
    ScoreTable,
    UsageError,
    sample_table,
    status_of,
)
from mmbench_tasks.translation.card import LANGUAGES, Sentence, TranslationCard
from mmbench_tasks.translation.prompts import PROMPTS

CASES = ("mixed", "lc")
"""Whether case counts, in sacreBLEU's words."""


class TranslationTask(CardTask[TranslationCard]):
    """Sentences to translate, with the image that they describe.

    Scored by BLEU and chrF over the corpus, with the values and signatures of sacreBLEU on the text as it is. An empty output is an
    empty translation, and counted as unparsed. Options: ``source``, ``target``, ``prompt`` and ``case``.
    """

    scoring_options = ("case",)
    prompt: Prompt

    def __init__(self, card: TranslationCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.prompt = PROMPTS.find(self.option("prompt"))
        self.from_language: str = self.options.get("source", card.languages[0])
        self.to_language: str = self.options.get("target", next(c for c in card.languages if c != self.from_language))
        self.case: str = self.options.get("case", CASES[0])
        if self.from_language == self.to_language:
            raise UsageError(f"{card.name}: source and target are both {self.to_language}")

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``source``, ``target``, ``prompt`` and ``case``."""
        languages = self.card.languages
        return {"source": languages, "target": languages, "prompt": PROMPTS.option, "case": CASES}

    @property
    def prompt_text(self) -> str:
        """The prompt in force, with its template and the languages."""
        return self.prompt.stated(f"{self.prompt.template('text')!r}, {self.from_language} to {self.to_language}")

    @property
    def primary(self) -> tuple[str, ...]:
        """BLEU and chrF."""
        return tuple(str(metric.id) for metric in self.metrics)

    @property
    def metrics(self) -> Sequence[Metric]:
        """BLEU and chrF, with their signatures."""
        from mmbench.metrics import chrf, sacrebleu

        shared = {"case": self.case, "nrefs": self._references}
        return [
            sacrebleu(eff="no", smooth="exp", tok="13a", **shared),
            chrf(eff="yes", nc="6", nw="0", space="no", **shared),
        ]

    @property
    def _references(self) -> str:
        """How many references the first sentence has, or ``1`` where the data are not at hand."""
        path = getattr(self.source, "path", True)
        if not path:
            return "1"
        first = next(iter(self.source.rows("test")), None)
        return str(len(first.texts[self.to_language])) if first is not None and self.to_language in first.texts else "1"

    def sample(self, row: Sentence) -> Sample:
        """One sentence. Raises `DataError` where one of the languages is missing."""
        for language in (self.from_language, self.to_language):
            if language not in row.texts:
                raise DataError(
                    f"{self.card.name}, {row.id}: there is no text in {language}; there is {', '.join(row.texts)}"
                )
        text = row.texts[self.from_language][0]
        parts: tuple[Part, ...] = (text,) if row.image is None else (row.image, text)
        return Sample(row.id, parts, row.texts[self.to_language], slices=row.slices)

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The image, then the prompt with the sentence."""
        *media, text = sample.parts
        names = {
            "source": LANGUAGES.get(self.from_language, self.from_language),
            "target": LANGUAGES.get(self.to_language, self.to_language),
        }
        return (*media, self.prompt.render("text", text=str(text), **names))

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`."""
        return [self.asked(sample)]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """One table, ``sample``, with what each sentence adds to the counts of the corpus."""
        import numpy as np

        from mmbench.metrics import translation_columns

        texts: list[str] = []
        status: list[ScoreStatus] = []
        for (response,) in responses:
            text = response.output if isinstance(response.output, str) and response.status not in FAILED else ""
            texts.append(text.strip())
            failed = FAILED.get(response.status)
            status.append(failed or status_of(response, "scored" if text.strip() else "unparsed"))
        columns = translation_columns(texts, [sample.references for sample in samples], lower=self.case == "lc")
        counted = np.array([[each not in ("error", "skipped")] for each in status], dtype=bool).reshape(-1, 1)
        columns = {name: np.where(counted, column, 0.0) for name, column in columns.items()}
        explanations = [response.error for (response,) in responses]
        return {"sample": sample_table(samples, status, columns, [text or None for text in texts], explanations)}
