"""What is known of registered datasets, without reading any: from their cards, or from an index that a package ships."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import MmbenchError, PluginError
from mmbench.registry.entry_points import Plugin, plugins
from mmbench.registry.importing import import_target

if TYPE_CHECKING:
    from mmbench.core.card import DatasetCard

INDEX = "datasets.json"
"""Name of the file, in the folder of a package, that has the facts of its cards by name: they are then not imported to be listed."""


def facts_of(card: DatasetCard) -> dict[str, Any]:
    """What a list of datasets says of one.

    Args:
        card: The card.

    Returns:
        ``name``, ``family``, ``description``, ``samples``, ``size``, ``licence``, ``citation``, ``languages``, ``metrics``,
        ``extractor``, ``hub`` (the names of its repository, the present one first), ``revision``, ``unpinned`` (why there is no hash),
        ``gated``, ``url`` (where the official files are), ``fingerprint``, ``published`` and ``verified``.
    """
    hub, official = getattr(card.source, "hub", None), getattr(card.source, "official", None)
    return {
        "name": card.name,
        "family": card.name.partition("/")[0],
        "description": card.description,
        "samples": card.samples,
        "size": card.size,
        "licence": card.licence,
        "citation": card.citation,
        "languages": list(card.languages),
        "metrics": list(card.metrics),
        "extractor": card.extractor,
        "hub": [] if hub is None else list(hub.ids),
        "revision": card.revision if hub is None else hub.revision,
        "unpinned": "" if hub is None else hub.unpinned,
        "gated": hub is not None and hub.gated,
        "url": "" if official is None else official.url,
        "fingerprint": card.fingerprint,
        "published": dict(card.published),
        "verified": card.verified,
    }


def dataset_facts() -> list[dict[str, Any]]:
    """The facts of every registered dataset by name, with ``from`` and ``broken`` (why a card cannot be loaded; else None).

    A dataset that stands in the index of its package is not imported.
    """
    rows: list[dict[str, Any]] = []
    for plugin in plugins("dataset"):
        origin = {"from": plugin.distribution, "broken": None}
        known = _index(plugin.module.partition(".")[0]).get(plugin.name)
        if known is not None and not plugin.duplicate_of:
            rows.append({**known, **origin})
            continue
        try:
            rows.append({**facts_of(_card(plugin)), **origin})
        except MmbenchError as error:
            rows.append({"name": plugin.name, "description": "", **origin, "broken": str(error)})
    return rows


def _card(plugin: Plugin) -> DatasetCard:
    from mmbench.core.card import DatasetCard  # takes a fifth of the time of a list that needs no card

    if plugin.duplicate_of:
        raise PluginError(f"also registered by {plugin.duplicate_of}")
    card = import_target(plugin.target, f"dataset {plugin.name!r} ({plugin.distribution})")
    if not isinstance(card, DatasetCard):
        raise PluginError(f"dataset {plugin.name!r} is an object of type {type(card).__name__}; expected a DatasetCard")
    return card


@cache
def _index(package: str) -> Mapping[str, Any]:
    """The index that a package ships; empty where it ships none."""
    specs = (finder.find_spec(package, None) for finder in sys.meta_path)
    spec = next((each for each in specs if each is not None), None)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder, INDEX)
        if file.is_file():
            try:
                value = json.loads(file.read_bytes())
            except ValueError:
                return {}
            return value if isinstance(value, dict) else {}
    return {}
