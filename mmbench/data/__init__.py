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
    from mmbench.data.captions import read_candidates, read_captions, read_references
    from mmbench.data.fingerprint import (
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
    from mmbench.data.prepared import EncodedImage, encoded_image
    from mmbench.data.questions import read_questions
    from mmbench.data.records import Record, find_data_file, listed, read_records, refuse_repeated
    from mmbench.data.rows import Captioned, Question, Rows, card_of_file
    from mmbench.data.sources import ArrayImage, BytesImage, FileImage
    from mmbench.data.splits import held_out, split_by_group

__all__ = [
    "ArrayImage",
    "BytesImage",
    "CacheStats",
    "Captioned",
    "EncodedImage",
    "FileImage",
    "NamedImages",
    "Question",
    "Record",
    "Rows",
    "as_array",
    "cached_image",
    "card_of_file",
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
    "images_from_files",
    "is_annotations",
    "listed",
    "load_pixels",
    "loads",
    "preload",
    "read_annotations",
    "read_candidates",
    "read_captions",
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
        "mmbench.data.captions": ("read_candidates", "read_captions", "read_references"),
        "mmbench.data.fingerprint": (
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
        "mmbench.data.prepared": ("EncodedImage", "encoded_image"),
        "mmbench.data.questions": ("read_questions",),
        "mmbench.data.records": ("Record", "find_data_file", "listed", "read_records", "refuse_repeated"),
        "mmbench.data.rows": ("Captioned", "Question", "Rows", "card_of_file"),
        "mmbench.data.sources": ("ArrayImage", "BytesImage", "FileImage"),
        "mmbench.data.splits": ("held_out", "split_by_group"),
    },
)
