"""Where samples come from: pictures, question and caption files, fingerprints, and the cache of decoded pictures.

Nothing is decoded before somebody looks at it, and PIL is imported no earlier than that.
"""

from mmbench.data.cache import CacheStats, loads, preload, stats
from mmbench.data.captions import read_captions
from mmbench.data.fingerprint import (
    dataset_digest,
    digest_array,
    digest_bytes,
    digest_file,
    image_from_array,
    image_from_bytes,
    image_from_file,
    images_from_files,
)
from mmbench.data.pixels import load_pixels
from mmbench.data.questions import read_questions
from mmbench.data.rows import Captioned, Question
from mmbench.data.sources import ArrayImage, BytesImage, FileImage
from mmbench.data.splits import held_out, split_by_group

__all__ = [
    "ArrayImage",
    "BytesImage",
    "CacheStats",
    "Captioned",
    "FileImage",
    "Question",
    "dataset_digest",
    "digest_array",
    "digest_bytes",
    "digest_file",
    "held_out",
    "image_from_array",
    "image_from_bytes",
    "image_from_file",
    "images_from_files",
    "load_pixels",
    "loads",
    "preload",
    "read_captions",
    "read_questions",
    "split_by_group",
    "stats",
]
