"""METEOR and SPICE: the reference implementations themselves, run in Java.

Both are opt-in. Their archives come with the extra ``coco``; SPICE also needs models that its user has to fetch. What is
missing is said in one sentence, and nothing else is computed in its place.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmbench.core.errors import MissingExtraError, RunFailedError, UsageError

Floats = NDArray[np.float64]

METEOR_STATISTICS = 23
"""Numbers that METEOR finds for a caption."""
_TEST_LENGTH, _REFERENCE_LENGTH, _CHUNKS, _TEST_MATCHES, _REFERENCE_MATCHES = 0, 1, 20, 21, 22

_EXTRA = "coco"
_METEOR_JAR = "meteor-1.5.jar"
_SPICE_JAR = "spice-1.0.jar"
_SPICE_MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
_LOCALE = ("-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8")


@dataclass(frozen=True, slots=True)
class _Patience:
    """When a process is given up: seconds, if the caller does not say."""

    start_s: float
    """For loading its files."""
    caption_s: float
    """For each caption besides."""

    def total(self, captions: int) -> float:
        return self.start_s + self.caption_s * captions


_METEOR_PATIENCE = _Patience(start_s=300.0, caption_s=0.2)
_SPICE_PATIENCE = _Patience(start_s=900.0, caption_s=2.0)


def meteor_columns(
    candidates: Sequence[str | None],
    references: Sequence[Sequence[str]],
    *,
    tokenised: bool = False,
    timeout_s: float | None = None,
) -> dict[str, Floats]:
    """Count METEOR 1.5's statistics of each caption against its best reference, with the archive of pycocoevalcap 1.2.

    Args:
        candidates: As in `mmbench.metrics.captions.columns.caption_columns`.
        references: Likewise.
        tokenised: Whether the tokens are already joined with spaces.
        timeout_s: Seconds after which the process is ended.

    Returns:
        ``meteor``, float64 [n, 23]: words of the candidate and of the reference; function words of both; for each of the four kinds
        of match (exact, stem, synonym, paraphrase) the content words matched in both and the function words matched in both; chunks;
        words matched in both. Chunks are 0 where all words match in one chunk, which costs no penalty. A row of zeros for None.

    Raises:
        MissingExtraError: Without pycocoevalcap.
        UsageError: Without Java.
        RunFailedError: If the process fails or takes too long.
        ValueError: If candidates and references do not fit.
    """
    jar = _package("METEOR") / "meteor" / _METEOR_JAR
    java = _java("METEOR")
    rows = np.zeros((len(candidates), METEOR_STATISTICS))
    places, ours, theirs = _answered(candidates, references, tokenised=tokenised)
    if not places:
        return {"meteor": rows}
    lines = [
        " ||| ".join(["SCORE", *texts, candidate.replace("|||", "").replace("  ", " ")])
        for candidate, texts in zip(ours, theirs, strict=True)
    ]
    asked = "".join(line.replace("\n", " ").replace("\r", " ") + "\n" for line in lines)
    command = [java, *_LOCALE, "-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
    limit = _METEOR_PATIENCE.total(len(places)) if timeout_s is None else timeout_s
    answered = _run("METEOR", command, jar.parent, asked, limit).splitlines()
    try:
        statistics = np.array([line.split() for line in answered], dtype=np.float64)
    except ValueError:
        statistics = np.empty(0)
    if statistics.shape != (len(places), METEOR_STATISTICS):
        raise RunFailedError(f"METEOR gave {len(answered)} lines for {len(places)} captions, or not 23 numbers in each")
    perfect = (
        (statistics[:, _CHUNKS] == 1)
        & (statistics[:, _TEST_MATCHES] == statistics[:, _TEST_LENGTH])
        & (statistics[:, _REFERENCE_MATCHES] == statistics[:, _REFERENCE_LENGTH])
    )
    statistics[perfect, _CHUNKS] = 0.0
    rows[places] = statistics
    return {"meteor": rows}


def spice_columns(
    candidates: Sequence[str | None],
    references: Sequence[Sequence[str]],
    *,
    tokenised: bool = False,
    timeout_s: float | None = None,
) -> dict[str, Floats]:
    """Compute SPICE's F score of each caption, with the archive of pycocoevalcap 1.2 and models that its user has fetched.

    Args:
        candidates: As in `meteor_columns`.
        references: Likewise.
        tokenised: Likewise.
        timeout_s: Likewise.

    Returns:
        ``spice``, float64 [n], from 0 to 1; 0 for None.

    Raises:
        UsageError: Without Java or the models; otherwise as `meteor_columns`.
    """
    folder = _package("SPICE") / "spice"
    missing = [name for name in _SPICE_MODELS if not (folder / "lib" / name).is_file()]
    if missing:
        raise UsageError(
            f"SPICE needs {' and '.join(missing)} in {folder / 'lib'}: "
            "python -m pycocoevalcap.spice.get_stanford_models fetches them"
        )
    java = _java("SPICE")
    scores = np.zeros(len(candidates))
    places, ours, theirs = _answered(candidates, references, tokenised=tokenised)
    if not places:
        return {"spice": scores}
    limit = _SPICE_PATIENCE.total(len(places)) if timeout_s is None else timeout_s
    with tempfile.TemporaryDirectory(prefix="mmbench-spice-") as name:
        asked, answered = Path(name) / "captions.json", Path(name) / "scores.json"
        records = [
            {"image_id": place, "test": candidate, "refs": texts}
            for place, candidate, texts in zip(places, ours, theirs, strict=True)
        ]
        asked.write_text(json.dumps(records), encoding="utf-8")
        arguments = ["-Xmx8G", "-jar", str(folder / _SPICE_JAR), str(asked), "-out", str(answered), "-silent"]
        _run("SPICE", [java, *_LOCALE, *arguments], folder, "", limit)
        try:
            found = {
                int(record["image_id"]): float(record["scores"]["All"]["f"])
                for record in json.loads(answered.read_text(encoding="utf-8"))
            }
            scores[places] = [found[place] for place in places]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunFailedError(f"SPICE did not write a score for every caption: {error!r}") from error
    if not np.isfinite(scores).all():
        raise RunFailedError("SPICE wrote a score that is not a finite number")
    return {"spice": scores}


def _answered(
    candidates: Sequence[str | None], references: Sequence[Sequence[str]], *, tokenised: bool
) -> tuple[list[int], list[str], list[list[str]]]:
    """The images with a candidate: their places, and tokenised lines."""
    from mmbench.metrics.captions.layout import arrange, tokenise

    layout, lines = arrange(candidates, references, None)
    if not tokenised:
        lines = tokenise(layout, lines)
    places = np.flatnonzero(layout.candidate >= 0).tolist()
    starts = layout.candidate[places].tolist()
    theirs = [
        lines[start + 1 : start + 1 + len(references[place])] for place, start in zip(places, starts, strict=True)
    ]
    return places, [lines[start] for start in starts], theirs


def _package(what: str) -> Path:
    """The folder of pycocoevalcap, found without importing it."""
    spec = find_spec("pycocoevalcap")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(what, _EXTRA)
    return Path(next(iter(spec.submodule_search_locations)))


def _java(what: str) -> str:
    java = shutil.which("java")
    if java is None:
        raise UsageError(f"{what} runs in Java, and no java is on the PATH: install a Java runtime, version 8 or later")
    return java


def _run(what: str, command: Sequence[str], folder: Path, text: str, timeout_s: float) -> str:
    """What a process of its own session prints; it and its children are gone when this returns or raises."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise RunFailedError(f"{what} cannot be started: {error}") from error
    with process:
        try:
            output, errors = process.communicate(text, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise RunFailedError(f"{what} was not done within {timeout_s:g} s and was ended") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        # Java names the options that it found in its environment before it says anything else.
        said = [line for line in f"{errors}\n{output}".splitlines() if line and not line.startswith("Picked up ")]
        raise RunFailedError(f"{what} ended with code {process.returncode}: {said[0] if said else 'it said nothing'}")
    return output
