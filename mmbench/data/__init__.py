"""Where samples come from: images, rows of datasets, readers of users' files, fingerprints, the cache of decoded images.

Each name loads its module when it is first used. Nothing is decoded before somebody looks at it, and PIL is imported no
earlier than that.
"""

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.core import dataset_digest
    from mmbench.data.annotations import is_annotations, read_annotations, read_results
    from mmbench.data.cache import CacheStats, cached_image, loads, preload, stats
    from mmbench.data.captions import captioned_of, read_candidates, read_captions, read_references
    from mmbench.data.distribution import Distribution, Hub, Official, kept_by
    from mmbench.data.fields import Fields
    from mmbench.data.fingerprint import (
        content_digest,
        digest_array,
        digest_bytes,
        digest_file,
        image_from_array,
        image_from_bytes,
        image_from_file,
        images_from_files,
    )
    from mmbench.data.images import NamedImages
    from mmbench.data.pickles import as_array, read_pickle
    from mmbench.data.pixels import load_pixels, resized
    from mmbench.data.predictions import match_answers, read_answered
    from mmbench.data.prepared import EncodedImage, encoded_image
    from mmbench.data.questions import image_names, questions_of, read_questions
    from mmbench.data.reading import FileRows, Reading, numbers_of_classes, read_dataset
    from mmbench.data.records import Record, cut, listed, refuse_repeated
    from mmbench.data.rows import Captioned, Question, Rows, card_of_file
    from mmbench.data.sources import ArrayImage, BytesImage, FileImage
    from mmbench.data.splits import held_out, split_by_group
    from mmbench.data.tables.open import find_data_file, read_records
    from mmbench.data.unseen import UnseenImages

__all__ = [
    "ArrayImage",
    "BytesImage",
    "CacheStats",
    "Captioned",
    "Distribution",
    "EncodedImage",
    "Fields",
    "FileImage",
    "FileRows",
    "Hub",
    "NamedImages",
    "Official",
    "Question",
    "Reading",
    "Record",
    "Rows",
    "UnseenImages",
    "as_array",
    "cached_image",
    "captioned_of",
    "card_of_file",
    "content_digest",
    "cut",
    "dataset_digest",
    "digest_array",
    "digest_bytes",
    "digest_file",
    "encoded_image",
    "find_data_file",
    "held_out",
    "image_from_array",
    "image_from_bytes",
    "image_from_file",
    "image_names",
    "images_from_files",
    "is_annotations",
    "kept_by",
    "listed",
    "load_pixels",
    "loads",
    "match_answers",
    "numbers_of_classes",
    "preload",
    "questions_of",
    "read_annotations",
    "read_answered",
    "read_candidates",
    "read_captions",
    "read_dataset",
    "read_pickle",
    "read_questions",
    "read_records",
    "read_references",
    "read_results",
    "refuse_repeated",
    "resized",
    "split_by_group",
    "stats",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "mmbench.core": ("dataset_digest",),
        "mmbench.data.annotations": ("is_annotations", "read_annotations", "read_results"),
        "mmbench.data.cache": ("CacheStats", "cached_image", "loads", "preload", "stats"),
        "mmbench.data.captions": ("captioned_of", "read_candidates", "read_captions", "read_references"),
        "mmbench.data.distribution": ("Distribution", "Hub", "Official", "kept_by"),
        "mmbench.data.fields": ("Fields",),
        "mmbench.data.fingerprint": (
            "content_digest",
            "digest_array",
            "digest_bytes",
            "digest_file",
            "image_from_array",
            "image_from_bytes",
            "image_from_file",
            "images_from_files",
        ),
        "mmbench.data.images": ("NamedImages",),
        "mmbench.data.pickles": ("as_array", "read_pickle"),
        "mmbench.data.pixels": ("load_pixels", "resized"),
        "mmbench.data.predictions": ("match_answers", "read_answered"),
        "mmbench.data.prepared": ("EncodedImage", "encoded_image"),
        "mmbench.data.questions": ("image_names", "questions_of", "read_questions"),
        "mmbench.data.reading": ("FileRows", "Reading", "numbers_of_classes", "read_dataset"),
        "mmbench.data.records": ("Record", "cut", "listed", "refuse_repeated"),
        "mmbench.data.rows": ("Captioned", "Question", "Rows", "card_of_file"),
        "mmbench.data.sources": ("ArrayImage", "BytesImage", "FileImage"),
        "mmbench.data.splits": ("held_out", "split_by_group"),
        "mmbench.data.tables.open": ("find_data_file", "read_records"),
        "mmbench.data.unseen": ("UnseenImages",),
    },
)
