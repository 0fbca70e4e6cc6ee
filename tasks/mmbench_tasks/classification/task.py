"""A task of the family `classification`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from mmbench.core import (
    FAILED,
    CardTask,
    Embed,
    Metric,
    Output,
    Part,
    Prompt,
    Request,
    Response,
    Sample,
    ScoreStatus,
    ScoreTable,
    best_choices,
    derive_seed,
    output_for,
    sample_table,
    shown_choices,
    status_of,
)
from mmbench.extract import Extractor, extractor_named
from mmbench_tasks.classification.card import ClassificationCard, Labelled
from mmbench_tasks.classification.prompts import PROMPTS, templates_named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Shares = NDArray[np.float64]

_DIM = 64
_CARRIES = "prompts"
"""The fact of the sample whose requests hold the texts of the classes: the first of the dataset."""


def _checked(value: Any) -> str:
    templates_named(str(value))
    return str(value)


class ClassificationTask(CardTask[ClassificationCard]):
    """Images of classes.

    With ``by=embed`` (the default, unless an image may be of several classes) a class is the mean of the normalised embeddings of its
    texts (``templates``), and an image is of the class that is closest; classes that tie share it. With ``by=choose`` a model names the class,
    or gives a score for each. Options: ``by``, ``templates``, ``prompt`` and ``extractor``.
    """

    scoring_options = ("extractor",)
    prompt: Prompt | None

    def __init__(self, card: ClassificationCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.by: str = "choose" if card.several else self.options.get("by", "embed")
        chooses = self.by == "choose"
        self.prompt = PROMPTS.find(self.option("prompt")) if chooses else None
        self.extractor: Extractor | None = (
            extractor_named(self.extractor_name("one", "mention")) if chooses and not card.several else None
        )
        self.closed_answers = chooses and not card.several
        self.texts = tuple(
            tuple(template.format(name) for template in templates_named(self.option("templates")))
            for name in card.classes
        )

    @property
    def request_kinds(self) -> frozenset[Any]:  # type: ignore[override]
        """``embed`` or ``generate``."""
        return frozenset({"embed" if self.by == "embed" else "generate"})

    def known_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """``by``, and what goes with it."""
        if self.card.several:
            return {"prompt": PROMPTS.option}
        of_answers = {"prompt": PROMPTS.option, "extractor": lambda name: extractor_named(str(name), reads="text").name}
        chooses = given.get("by", self.by) == "choose"
        return {"by": ("embed", "choose"), **(of_answers if chooses else {"templates": _checked})}

    @property
    def prompt_text(self) -> str | None:
        """What is asked, or the texts that a class is embedded with."""
        if self.prompt is None:
            return f"templates: {templates_named(self.option('templates'))!r}"
        return self.prompt.stated(repr(self.prompt.template(self._case)))

    @property
    def _case(self) -> str:
        return "several" if self.card.several else "one"

    @property
    def primary(self) -> tuple[str, ...]:
        """Those that the card names, else all."""
        return self.card.metrics or tuple(str(metric.id) for metric in self.metrics)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Accuracy and macro F1; F1 in four averages where an image may be of several classes."""
        from mmbench.metrics import accuracy, f1, samples_f1

        if self.card.several:
            averages = ("micro", "macro", "weighted")
            return [*(f1(average=each, zero_division="0") for each in averages), samples_f1(average="samples")]
        return [accuracy(), f1(average="macro")]

    def samples(self, split: str = "test") -> list[Sample]:
        """The images of a split; the first also carries the texts of the classes where these are embedded."""
        found = super().samples(split)
        if self.by == "embed" and found:
            first = found[0]
            found[0] = Sample(
                first.id,
                first.parts,
                first.references,
                first.choices,
                first.group,
                first.slices,
                {**first.meta, _CARRIES: True},
            )
        return found

    def sample(self, row: Labelled) -> Sample:
        """One image."""
        image: Part = f"(image {row.id}, not given)" if row.image is None else row.image
        choices = None if self.card.several else self.card.classes
        return Sample(
            row.id, (image,), row.labels, choices, slices=row.slices, meta={"text": row.text} if row.text else {}
        )

    def put(self, sample: Sample) -> tuple[Part, ...]:
        """The image, then the question with the classes."""
        text = f"{sample.meta['text']}\n\n" if sample.meta.get("text") else ""
        prompt = cast("Prompt", self.prompt)
        return (*sample.parts, prompt.render(self._case, text=text, classes=", ".join(self.card.classes)))

    def requests(self, sample: Sample) -> list[Request]:
        """One `Generate`; or one `Embed` for the image, and in the first sample one for each text of each class."""
        if self.by == "choose":
            return [self.asked(sample)]
        texts = [Embed(part=text) for texts in self.texts for text in texts] if sample.meta.get(_CARRIES) else []
        return [Embed(part=sample.parts[0]), *texts]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """One table, ``sample``, with the counts of every class."""
        import numpy as np

        from mmbench.metrics import class_columns, multilabel_columns

        classes = self.card.classes
        shares, status, answers, reasons = (
            self._by_embedding(samples, responses) if self.by == "embed" else self._by_answer(samples, responses)
        )
        if self.card.several:
            truth = np.array([[float(name in sample.references) for name in classes] for sample in samples]).reshape(
                -1, len(classes)
            )
            columns = multilabel_columns(shares, truth)
        else:
            places = [classes.index(sample.references[0]) for sample in samples]
            columns = class_columns(shares, places)
            columns["accuracy"] = columns["hits"].sum(axis=1) if len(samples) else np.zeros(0)
        counted = np.array([each not in ("error", "skipped") for each in status], dtype=bool)
        columns = {
            name: np.where(counted if each.ndim == 1 else counted[:, None], each, 0.0) for name, each in columns.items()
        }
        return {"sample": sample_table(samples, status, columns, answers, reasons)}

    def _by_answer(
        self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]
    ) -> tuple[Shares, list[ScoreStatus], list[str | None], list[str | None]]:
        import numpy as np

        classes = self.card.classes
        shares = np.zeros((len(samples), len(classes)))
        status: list[ScoreStatus] = []
        answers: list[str | None] = []
        reasons: list[str | None] = []
        for row, (response,) in enumerate(responses):
            failed, named, reason = FAILED.get(response.status), list[str](), response.error
            if failed is None:
                named, reason = self._named(response.output)
            wrong: ScoreStatus = "error" if named == [] and not isinstance(response.output, str) else "unparsed"
            status.append(failed or status_of(response, "scored" if named else wrong))
            for name in named:
                shares[row, classes.index(name)] = 1.0 if self.card.several else 1 / len(named)
            answers.append(", ".join(named) if self.card.several and named else shown_choices(named) if named else None)
            reasons.append(reason)
        return shares, status, answers, reasons

    def _named(self, output: Output | None) -> tuple[list[str], str | None]:
        """The classes that an output names, all that tie where it is scores; and why there are none."""
        if not isinstance(output, str):
            return best_choices(self.card.classes, output)
        if self.extractor is not None:
            found = self.extractor.extract(output, self.card.classes)
            return ([found], None) if found is not None else ([], "no class, or not a single one, is named")
        lower = output.casefold()
        named = [
            name
            for name in self.card.classes
            if name.casefold() in {each.strip(" .\n").casefold() for each in lower.split(",")}
        ]
        return named, None if named else "no class is named"

    def _by_embedding(
        self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]
    ) -> tuple[Shares, list[ScoreStatus], list[str | None], list[str | None]]:
        import numpy as np

        classes = self.card.classes
        shares = np.zeros((len(samples), len(classes)))
        carrier = next((n for n, sample in enumerate(samples) if sample.meta.get(_CARRIES)), None)
        weights, problem = (
            None,
            "the first sample of the dataset, which carries the texts of the classes, was not asked",
        )
        if carrier is not None:
            weights, problem = self._classes(responses[carrier][1:])
        status: list[ScoreStatus] = []
        answers: list[str | None] = []
        reasons: list[str | None] = []
        for row, answered in enumerate(responses):
            vector, own = _unit(answered[0])
            reason = problem or own
            if weights is not None and vector is not None and len(vector) != weights.shape[1]:
                reason = f"the embedding has {len(vector)} numbers, those of the classes have {weights.shape[1]}"
            if reason or weights is None or vector is None:
                failed = FAILED.get(answered[0].status, "error")
                status.append(failed)
                answers.append(None)
                reasons.append(reason)
                continue
            near = np.round(weights @ vector, 12)
            best = np.flatnonzero(near == near.max())
            shares[row, best] = 1 / len(best)
            status.append(status_of(answered[0], "scored"))
            answers.append(shown_choices([classes[place] for place in best.tolist()]))
            reasons.append(None)
        return shares, status, answers, reasons

    def _classes(self, responses: Sequence[Response]) -> tuple[Shares | None, str]:
        """The unit vector of each class, [classes, d]; or None and what is wrong."""
        import numpy as np

        vectors, place = [], 0
        for name, texts in zip(self.card.classes, self.texts, strict=True):
            found = [_unit(response) for response in responses[place : place + len(texts)]]
            place += len(texts)
            if problem := next((reason for _, reason in found if reason), None):
                return None, f"class {name!r} has no embedding: {problem}"
            mean = np.mean([vector for vector, _ in found if vector is not None], axis=0)
            norm = np.linalg.norm(mean)
            vectors.append(mean / norm if norm else mean)
        return np.array(vectors), ""

    def solve(self, sample: Sample, request: Request) -> Output:
        """The class; for embeddings a unit vector, the same for an image and the texts of its class."""
        import numpy as np

        if not isinstance(request, Embed):
            return ", ".join(sample.references) if self.card.several else output_for(request, sample.references[0])
        of_text = next((n for n, texts in enumerate(self.texts) if request.part in texts), None)
        name = sample.references[0] if of_text is None else self.card.classes[of_text]
        vector = np.random.default_rng(derive_seed("classification oracle", name)).standard_normal(_DIM)
        return cast("Output", (vector / np.linalg.norm(vector)).astype(np.float32))

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Accuracy of a uniformly random class."""
        return {"accuracy": 1 / len(self.card.classes)} if samples and not self.card.several else {}


def _unit(response: Response) -> tuple[Shares | None, str | None]:
    """The embedding of a response with norm 1; or None and what is wrong."""
    import numpy as np

    output = response.output
    if response.status != "ok" or output is None or isinstance(output, str):
        return None, response.error or f"the request ended with status {response.status}, without an embedding"
    vector = np.asarray(output, dtype=np.float64)
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm == 0:
        return None, "the embedding is zero or not finite"
    return vector / norm, None
