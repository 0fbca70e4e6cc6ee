"""Multi30k, task 1: descriptions of photographs in four languages."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.translation.card import TranslationCard
from mmbench_tasks.translation.files import parallel, sentences

_LANGUAGES = ("en", "de", "fr", "cs")
_PARTS = {
    "test": "test_2016_flickr",
    "test-2017-flickr": "test_2017_flickr",
    "test-2017-mscoco": "test_2017_mscoco",
    "test-2018-flickr": "test_2018_flickr",
    "train": "train",
    "val": "val",
}

CARD = TranslationCard(
    name="translation/multi30k",
    description="descriptions of photographs of Flickr30k, English to German unless source and target say otherwise; test_2016_flickr, raw text",
    licence="unknown",
    citation="Elliott et al., Multi30K: Multilingual English-German Image Descriptions, VL 2016",
    source=Distribution(
        rows_of=sentences,
        name="flickr30k",
        official=Official(
            files=dict.fromkeys(_PARTS, ()),
            read=parallel(_PARTS, _LANGUAGES, {split: f"{stem}.txt" for split, stem in _PARTS.items()}),
            images=("flickr30k-images", "flickr30k_images", "images"),
            url="https://github.com/multi30k/dataset",
        ),
        fields=Fields(
            id="id",
            image="image",
            media="image",
            text__en="text.en",
            text__de="text.de",
            text__fr="text.fr",
            text__cs="text.cs",
        ),
    ),
    splits=tuple(_PARTS),
    languages=_LANGUAGES,
    samples=1_000,
    verified="counts of the official files; BLEU and chrF are those of sacreBLEU 2.6",
)
