"""Layouts of files that people pass around, recognised by the fields of their rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mmbench.data.fields import Fields, names_of
from mmbench.data.records import Record
from mmbench.data.tables.table import Table

QUESTIONS, CAPTIONS, UTTERANCES = "questions", "captions", "utterances"
"""Kinds of rows that layouts hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one dataset, or one program, names the fields of its rows."""

    name: str
    """What the log says: ``POPE``."""
    kind: str
    """The kind of its rows."""
    needs: frozenset[str]
    """Fields that rows have, at least."""
    lacks: frozenset[str] = frozenset()
    """Fields that they do not have."""
    fields: Fields
    """Roles to where they stand."""
    test: Callable[[Record], bool] = lambda _: True
    """Whether a row that has the fields is of the layout."""
    change: Callable[[Table], Table] | None = None
    """Makes plain rows of a table whose rows are spread over several lists, or lack what others tell of."""
    changed: frozenset[str] = frozenset()
    """Fields that `change` reads, beside those of `fields`."""

    def fits(self, record: Record) -> bool:
        """Whether a row is of the layout."""
        names = record.fields.keys()
        return self.needs <= names and not self.lacks & names and self.test(record)


def recognised(table: Table, kind: str) -> Layout | None:
    """The layout of a table, by its first rows; None where it is none that is known."""
    first = table.first(1)
    return next((each for each in _layouts() if each.kind == kind and first and each.fits(first[0])), None)


def roles_of_names(kind: str) -> Mapping[str, str]:
    """Every field that some layout of a kind reads under another name than its role, to the role."""
    found = dict(_SYNONYMS.get(kind, {}))
    for layout in _layouts():
        if layout.kind == kind:
            for role in layout.fields:
                if role in _PLAIN:
                    found.update(dict.fromkeys(names_of(layout.fields[role]), role))
    return {name: role for name, role in found.items() if name != role and name not in _EVERYWHERE}


_PLAIN = ("question", "answer", "answers", "choices", "image", "caption", "captions", "text", "label", "group", "hint")
_EVERYWHERE = frozenset(
    (
        "id",
        "question_id",
        "index",
        "image_id",
        "split",
        "category",
        "type",
        "filename",
        "identifier",
        "__key__",
        "answer",
        "caption",
    )
)
_SYNONYMS: Mapping[str, Mapping[str, str]] = {
    QUESTIONS: {
        **dict.fromkeys(("img", "images", "image_path", "img_path", "image_file", "image_name", "image_url", "picture", "pictures"), "image"),
        **dict.fromkeys(("query", "text", "prompt", "instruction", "sentence"), "question"),
        **dict.fromkeys(("label", "gold", "target", "ground_truth", "gt_answer", "reference"), "answer"),
        **dict.fromkeys(("references", "labels", "direct_answers"), "answers"),
        **dict.fromkeys(("options", "candidates", "multiple_choices"), "choices"),
    },
    CAPTIONS: {
        **dict.fromkeys(("img", "image_path", "img_path", "image_file", "image_name", "image_url", "picture"), "image"),
        **dict.fromkeys(("text", "comment", "title", "raw", "description"), "caption"),
        **dict.fromkeys(("sentences", "references", "texts", "annotations_captions"), "captions"),
    },
    UTTERANCES: {
        **dict.fromkeys(("img", "images", "image_path", "img_path", "image_file", "image_name", "image_url", "picture"), "image"),
        **dict.fromkeys(("utterance", "Utterance", "sentence", "raw_text"), "text"),
        **dict.fromkeys(("emotion_label", "sentiment", "Sentiment", "overall_sentiment", "annotation", "sarcasm"), "label"),
    },
}  # fmt: skip


def _needs(*names: str) -> frozenset[str]:
    return frozenset(names)


def _value(name: str, *values: str) -> Callable[[Record], bool]:
    return lambda record: str(record.fields.get(name)).strip().lower() in values


def _decimal(name: str) -> Callable[[Record], bool]:
    return lambda record: str(record.fields.get(name)).strip().isdecimal()


def _layouts() -> Sequence[Layout]:
    if not _KNOWN:
        from mmbench.data.nested import CHANGED

        _KNOWN.extend((*CHANGED, *_QUESTIONS, *_CAPTIONS, *_UTTERANCES))
    return _KNOWN


_KNOWN: list[Layout] = []
_QUESTIONS = (
    Layout(
        name="POPE", kind=QUESTIONS, needs=_needs("image", "text", "label"), lacks=_needs("question"),
        test=_value("label", "yes", "no"),
        fields=Fields(id="question_id", question="text", answer="label", image="image", choices=("=yes", "=no"), slices__category="category"),
    ),
    Layout(
        name="GQA", kind=QUESTIONS, needs=_needs("imageId", "question", "answer"),
        fields=Fields(id="id", question="question", answer="answer", image="{imageId}.jpg"),
    ),
    Layout(
        name="A-OKVQA", kind=QUESTIONS, needs=_needs("image_id", "question", "choices", "correct_choice_idx"), lacks=_needs("image"),
        fields=Fields(
            id="question_id", question="question", choices="choices", answer="correct_choice_idx", answer_is="index",
            image="{image_id:012d}.jpg",
        ),
    ),
    Layout(
        name="A-OKVQA of the hub", kind=QUESTIONS, needs=_needs("image", "question", "choices", "correct_choice_idx"),
        fields=Fields(
            id="question_id", question="question", choices="choices", answer="correct_choice_idx", answer_is="index", image="image",
        ),
    ),
    Layout(
        name="TextVQA", kind=QUESTIONS, needs=_needs("question_id", "image_id", "question", "answers"), lacks=_needs("image"),
        test=lambda record: not _decimal("image_id")(record),
        fields=Fields(id="question_id", question="question", answers="answers", image="{image_id}.jpg"),
    ),
    Layout(
        name="VizWiz", kind=QUESTIONS, needs=_needs("image", "question", "answers", "answerable"), lacks=_needs("id", "question_id"),
        fields=Fields(id="image", question="question", answers="answers", image="image", slices__answer_type="answer_type"),
    ),
    Layout(
        name="DocVQA", kind=QUESTIONS, needs=_needs("questionId", "question", "image", "answers"),
        fields=Fields(id="questionId", question="question", answers="answers", image="image"),
    ),
    Layout(
        name="ChartQA", kind=QUESTIONS, needs=_needs("imgname", "query", "label"),
        fields=Fields(id="id", question="query", answers="label", image="imgname"),
    ),
    Layout(
        name="ChartQA of the hub", kind=QUESTIONS, needs=_needs("image", "query", "label"),
        fields=Fields(id="id", question="query", answers="label", image="image", slices__source="human_or_machine"),
    ),
    Layout(
        name="NExT-QA", kind=QUESTIONS, needs=_needs("video", "qid", "question", "answer", "a0", "a1"),
        fields=Fields(
            id="{video}_{qid}", question="question", choices=("a0", "a1", "a2", "a3", "a4"), answer="answer", answer_is="index",
            group="video", slices__type="type",
        ),
    ),
    Layout(
        name="MathVista", kind=QUESTIONS, needs=_needs("pid", "question", "answer", "answer_type"),
        fields=Fields(id="pid", question="question", choices="choices", answer="answer", image="image", slices__answer_type="answer_type"),
    ),
    Layout(
        name="AI2D", kind=QUESTIONS, needs=_needs("question", "options", "answer", "image"), lacks=_needs("id", "question_id", "image_1"),
        test=_decimal("answer"),
        fields=Fields(question="question", choices="options", answer="answer", answer_is="index", image="image"),
    ),
    Layout(
        name="WebDataset",
        kind=QUESTIONS,
        needs=_needs("__key__", "question", "answer"),
        fields=Fields(id="__key__", question="question", answer="answer", choices="choices", image="image"),
    ),
    Layout(
        name="VQA of the hub", kind=QUESTIONS, needs=_needs("question_id", "image_id", "image", "question", "answers"),
        fields=Fields(
            id="question_id", question="question", answers="answers", image="image", media="image_id", group="image_id",
            slices__question_type="question_type",
            slices__answer_type="answer_type",
        ),
    ),
)  # fmt: skip
_CAPTIONS = (
    Layout(
        name="Flickr30k", kind=CAPTIONS, needs=_needs("image_name", "comment"),
        fields=Fields(image="image_name", caption="comment"),
    ),
    Layout(
        name="Flickr30k of the hub", kind=CAPTIONS, needs=_needs("image", "caption", "img_id"),
        fields=Fields(id="img_id", image="image", captions="caption"),
    ),
    Layout(
        name="COCO-Caption of the hub", kind=CAPTIONS, needs=_needs("question_id", "image", "answer"),
        fields=Fields(id="question_id", image="image", captions="answer"),
    ),
    Layout(
        name="nocaps of the hub", kind=CAPTIONS, needs=_needs("image", "annotations_captions"),
        fields=Fields(id="image_id", image="image", captions="annotations_captions"),
    ),
    Layout(
        name="TextCaps", kind=CAPTIONS, needs=_needs("image_id", "caption_str"), lacks=_needs("image"),
        fields=Fields(id="image_id", image="{image_id}.jpg", caption="caption_str"),
    ),
    Layout(
        name="TextCaps of the hub", kind=CAPTIONS, needs=_needs("image_id", "image", "caption_str"),
        fields=Fields(id="image_id", image="image", caption="caption_str"),
    ),
    Layout(
        name="COCO Karpathy of the hub", kind=CAPTIONS, needs=_needs("filename", "imgid", "sentences"), lacks=_needs("image"),
        fields=Fields(id="imgid", image="{filepath}/{filename}", captions="sentences"),
    ),
    Layout(
        name="WebDataset", kind=CAPTIONS, needs=_needs("__key__", "image", "caption"),
        fields=Fields(id="__key__", image="image", caption="caption"),
    ),
)  # fmt: skip
_UTTERANCES = (
    Layout(
        name="Hateful Memes", kind=UTTERANCES, needs=_needs("id", "img", "label", "text"),
        fields=Fields(id="id", text="text", image="img", label="label", classes=("=not hateful", "=hateful")),
    ),
    Layout(
        name="MUStARD", kind=UTTERANCES, needs=_needs("utterance", "sarcasm"),
        fields=Fields(id="id", text="utterance", label="sarcasm", slices__show="show", classes=("=sincere", "=sarcastic")),
    ),
    Layout(
        name="MELD", kind=UTTERANCES, needs=_needs("Utterance", "Sentiment", "Dialogue_ID", "Utterance_ID"),
        fields=Fields(
            id="dia{Dialogue_ID}_utt{Utterance_ID}", text="Utterance", label="Sentiment", group="Dialogue_ID", slices__emotion="Emotion",
        ),
    ),
    Layout(
        name="CH-SIMS", kind=UTTERANCES, needs=_needs("video_id", "clip_id", "text", "annotation"),
        fields=Fields(id="{video_id}_{clip_id}", text="text", label="annotation", group="video_id"),
    ),
    Layout(
        name="MVSA of CLMLF", kind=UTTERANCES, needs=_needs("id", "text", "emotion_label"),
        fields=Fields(id="id", text="text", label="emotion_label", image="{id}.jpg", classes=("=positive", "=neutral", "=negative")),
    ),
    Layout(
        name="Memotion", kind=UTTERANCES, needs=_needs("image_name", "overall_sentiment"),
        fields=Fields(id="image_name", text="text_corrected", label="overall_sentiment", image="image_name"),
    ),
)  # fmt: skip
