"""MM-IMDb: genres of films by plot and poster, several a film."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Official
from mmbench_tasks.classification.card import ClassificationCard
from mmbench_tasks.classification.files import labelled, read_mm_imdb

_GENRES = (
    *("Action", "Adventure", "Animation", "Biography", "Comedy", "Crime", "Documentary", "Drama"),
    *("Family", "Fantasy", "Film-Noir", "History", "Horror", "Music", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Short", "Sport", "Thriller", "War", "Western"),
)

CARD = ClassificationCard(
    name="classification/mm-imdb",
    description="23 genres of films by the longest plot and the poster, several a film; films with none of the genres are left out",
    licence="unknown",
    citation="Arevalo et al., Gated Multimodal Units for Information Fusion, ICLR 2017 workshop",
    source=Distribution(
        rows_of=labelled,
        name="mm-imdb",
        official=Official(
            files={"test": (), "dev": (), "train": ()},
            read=read_mm_imdb(_GENRES),
            alone=("split.json",),
            images=(".",),
            url="https://github.com/johnarevalo/gmu-mmimdb",
        ),
        fields=Fields(id="id", labels="labels", text="text", image="image", media="id"),
    ),
    splits=("test", "dev", "train"),
    classes=_GENRES,
    several=True,
    metrics=(
        "f1(average=micro,zero_division=0)",
        "f1(average=macro,zero_division=0)",
        "f1(average=weighted,zero_division=0)",
        "f1(average=samples)",
    ),
    samples=7_799,
    published={"MultiBench, early fusion": "58.86 micro, 49.79 macro"},
    verified="F1 in four averages against scikit-learn; the data are not at hand",
)
