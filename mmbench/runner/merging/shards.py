"""The shards of one run: found, read, and held against each other."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mmbench.core.errors import NotComparableError, UsageError
from mmbench.core.secrets import MASKED
from mmbench.core.spec import Shard
from mmbench.core.visible import shell_command
from mmbench.resolve import forms
from mmbench.resolve.options import OPTIONS
from mmbench.results.find import find_run, is_shard
from mmbench.results.rundir import RunDirectory, folder_name, shown_path
from mmbench.results.schema import PlanFile, RunFile

_NAMED = 3
_COMMANDS = 64
"""Commands that are printed at most for shards that are missing or unfinished."""


@dataclass(frozen=True)
class ShardRun:
    """One shard, read."""

    directory: RunDirectory
    """Where it lies."""
    run: RunFile
    """Its ``run.json``."""
    shard: Shard
    """Which part it is."""
    plans: Mapping[str, PlanFile | None]
    """Task to what it was asked; None before there was a plan."""


@dataclass(frozen=True)
class ShardedRun:
    """The shards of one run, by number."""

    target: Path
    """Where the run is to lie."""
    shards: Sequence[ShardRun]
    """Those that were given, in order; all of one run and one number of shards."""

    @property
    def first(self) -> ShardRun:
        """Any of them: what they have in common is read here."""
        return self.shards[0]

    @property
    def of(self) -> int:
        """How many shards there must be."""
        return self.first.shard.of


def sharded_runs(references: Iterable[str], out: Path) -> list[ShardedRun]:
    """Find and read the shards that are named, run by run.

    Args:
        references: Run directories of shards; a run, by its path or a name under `out`, which stands for all its shards; or a model,
            which stands for the shards of all its runs under `out`, such as those of several seeds.
        out: The folder in which names are looked up.

    Raises:
        UsageError: If there is no such run, or a run has no shards.
        NotComparableError: If a shard cannot be read.
    """
    groups: dict[tuple[str, int], dict[int, ShardRun]] = {}
    for path in dict.fromkeys(path.absolute() for each in references for path in _shards_of(each, out)):
        read = _read(path)
        shards = groups.setdefault((path.name.removesuffix(read.shard.ending), read.shard.of), {})
        if (twice := shards.setdefault(read.shard.number, read)) is not read:
            raise UsageError(f"{shown_path(path)} and {shown_path(twice.directory.path)} are the same shard of one run")
    if not groups:
        raise UsageError(
            "no shards given: name the run directories that mmbench run --shard made, or the run they are of"
        )
    found: list[ShardedRun] = []
    for (name, _), shards in groups.items():
        ordered = [shards[number] for number in sorted(shards)]
        found.append(ShardedRun(ordered[0].directory.path.parent / name, ordered))
    targets = [each.target for each in found]
    for target in targets:
        if targets.count(target) > 1:
            counts = " and ".join(str(each.of) for each in found if each.target == target)
            raise UsageError(f"{shown_path(target)} was divided into {counts} shards: name the shards of one of these")
    return found


def _shards_of(reference: str, out: Path) -> list[Path]:
    path = Path(reference)
    if (path / "run.json").is_file() and is_shard(path):
        return [path]
    beside = sorted(found.parent for found in path.parent.glob(f"{glob.escape(path.name)}.shard-*-of-*/run.json"))
    if beside:
        return beside
    of_model = sorted(
        each.parent for each in out.glob(f"{glob.escape(folder_name(reference))}--*.shard-*-of-*/run.json")
    )
    if of_model := [each for each in of_model if each.name.rpartition("--")[0] == folder_name(reference)]:
        return of_model
    found = find_run(reference, out).path
    whole = found.with_name(found.name.removesuffix(found.suffix)) if is_shard(found) else found
    shards = sorted(each.parent for each in whole.parent.glob(f"{glob.escape(whole.name)}.shard-*-of-*/run.json"))
    if not shards and RunDirectory(found).read().shard is not None:
        return [found]  # under another name, of which `_read` tells
    if not shards:
        raise UsageError(f"{shown_path(found)} has no shards: mmbench run --shard K/N makes them")
    return shards


def _read(path: Path) -> ShardRun:
    directory = RunDirectory(path)
    run = directory.read()
    if run.shard is None:
        raise UsageError(f"{shown_path(path)} is no shard of a run")
    shard = Shard(run.shard.number, run.shard.of)
    if not path.name.endswith(shard.ending):
        raise UsageError(
            f"{shown_path(path)} is shard {shard.number} of {shard.of} of a run: give it its name back, which ends in {shard.ending}"
        )
    plans = {name: directory.read_plan(name) for name, entry in run.tasks.items() if entry.status != "incompatible"}
    return ShardRun(directory, run, shard, plans)


# --- do they fit together? ---


def check_alike(sharded: ShardedRun, *, versions: bool, weights: bool) -> None:
    """Hold the shards of a run against the first of them.

    Args:
        sharded: The run.
        versions: Whether packages may differ between shards.
        weights: Whether what was learned may differ, or be unknown.

    Raises:
        NotComparableError: If they are not of one run; all that differs is listed.
    """
    problems = [problem for other in sharded.shards[1:] for problem in _differing(sharded.first, other, versions)]
    problems += [] if weights else _untold_weights(sharded.shards)
    if problems:
        shown = problems[:_NAMED] + ([f"{len(problems) - _NAMED:,} more"] if len(problems) > _NAMED else [])
        raise NotComparableError(
            f"the shards of {shown_path(sharded.target)} do not fit together: {'; '.join(shown)}", problems
        )


def _differing(first: ShardRun, other: ShardRun, versions: bool) -> Iterator[str]:
    name, one, two = other.directory.path.name, first.run, other.run
    where = f"{name} against shard {first.shard.number}"
    if one.identity != two.identity:
        yield f"{where}: another model, other options of it, or another seed"
    if one.mmbench_version != two.mmbench_version:
        yield f"{where}: mmbench {two.mmbench_version} against {one.mmbench_version}"
    elif not versions:
        packages = sorted({*one.packages, *two.packages})
        differing = [each for each in packages if one.packages.get(each) != two.packages.get(each)]
        if differing:
            listed = ", ".join(
                f"{each} {two.packages.get(each, 'missing')} against {one.packages.get(each, 'missing')}"
                for each in differing[:_NAMED]
            )
            yield f"{where}: {listed} (--allow versions merges them all the same)"
    for task in [task for task in one.tasks if task not in two.tasks]:
        yield f"{name} lacks {task}"
    for task in two.tasks:
        if task not in one.tasks:
            yield f"{first.directory.path.name} lacks {task}"
            continue
        plans = first.plans.get(task), other.plans.get(task)
        if None not in plans and (problem := _differing_plans(*plans)) is not None:  # type: ignore[arg-type]
            yield f"{where}: {task}: {problem}"


def _differing_plans(one: PlanFile, two: PlanFile) -> str | None:
    if one.identity_digest != two.identity_digest:
        return "other data, another prompt or version"
    if one.selection_digest != two.selection_digest:
        return "other samples (--limit, --ids)"
    return "other batches (--batch-size, --batch-cost)" if one.batches != two.batches else None


def _untold_weights(shards: Sequence[ShardRun]) -> Iterator[str]:
    """Tasks that a model learned to other weights from shard to shard, or to weights that nobody can tell."""
    for task in shards[0].run.tasks:
        learned = [
            entry.learned
            for shard in shards
            if (entry := shard.run.tasks.get(task)) is not None and entry.asked_batches != (0, 0) and entry.learned
        ]
        weights = {each.weights for each in learned}
        if None in weights and len(learned) > 1:
            yield (
                f"{task}: the model learned, and does not say where its weights lie, so that they may differ between shards "
                "(--allow weights merges them all the same)"
            )
        elif len(weights) > 1:
            yield (
                f"{task}: the model learned other weights from shard to shard. Train it once (mmbench train), and run the "
                "shards with the same --checkpoints (--allow weights merges them all the same)"
            )


# --- what is missing? ---


def check_complete(sharded: ShardedRun, unfinished: Mapping[int, str]) -> None:
    """Raise `NotComparableError` where shards are missing or not asked to their end.

    Args:
        sharded: The run.
        unfinished: Number of a shard to what it lacks.
    """
    finished = {each.shard.number for each in sharded.shards} - set(unfinished)
    count = sharded.of - len(finished)
    if not count:
        return
    lacking = list(islice((number for number in range(1, sharded.of + 1) if number not in finished), _COMMANDS))
    why = {number: unfinished.get(number, "missing") for number in lacking}
    listed = ", ".join(f"{number}/{sharded.of} ({why[number]})" for number in lacking[:_NAMED])
    listed += f" and {count - _NAMED:,} more" if count > _NAMED else ""
    commands = [
        shard_command(sharded.first.run, Shard(number, sharded.of), sharded.target.parent) for number in lacking
    ]
    more = [f"… and {count - len(lacking):,} more"] if count > len(lacking) else []
    hidden = f" (with your own value in the place of each {MASKED})" if MASKED in "".join(commands) else ""
    raise NotComparableError(
        f"{shown_path(sharded.target)} is not complete: shards {listed}. Finish them{hidden}, then merge again:\n"
        + "\n".join(f"  {each}" for each in commands + more),
        [f"{number}/{sharded.of}: {why[number]}" for number in lacking] + more,
    )


def shard_command(run: RunFile, shard: Shard, out: Path) -> str:
    """The command that asks a shard, as the options that another shard kept tell it."""
    words = ["mmbench", "run"]
    for name, option in sorted(OPTIONS.items(), key=lambda item: item[0] not in ("model", "tasks")):
        value = run.spec.get(option.keyword)
        if name == "checkpoints":
            value = str(shown_path(Path(value or option.default)))
        if name != "shard" and value not in (None, False, [], {}) and value != option.default:
            words += [word for text in _as_typed(option.keyword, value) for word in (f"--{name}", *text)]
    data: list[dict[str, Any]] = run.spec.get("data") or []
    fields = data[0].get("fields") if data else None
    words += ["--map", _pairs(fields)] if fields else []
    words += ["--download"] if data and data[0].get("download") else []
    words += [] if str(shown_path(out)) == OPTIONS["out"].default else ["--out", str(shown_path(out))]
    return shell_command([*words, "--shard", str(shard)])


def _as_typed(keyword: str, value: Any) -> list[tuple[str, ...]]:
    """How the value of an option in ``run.json`` is typed: the words after each time that the option is written."""
    if value is True:
        return [("on",) if keyword == "thinking" else ()]
    if keyword == "data":
        return [(f"{each['name']}={each['path']}" if each.get("name") else str(each["path"]),) for each in value]
    if keyword in ("stop", "images"):
        return [(str(each),) for each in value]
    if isinstance(value, list):
        return [(",".join(map(str, value)),)]
    return [(_pairs(value) if isinstance(value, dict) else str(value),)]


def _pairs(value: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={forms.as_text(each)}" for key, each in value.items())
