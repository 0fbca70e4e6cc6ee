"""What a task says of itself, its samples, and the requests that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from mmbench.core.ids import MetricId
from mmbench.core.media import Media
from mmbench.core.metric import Metric
from mmbench.core.model import KINDS, MODALITIES
from mmbench.core.requests import Generate, Request
from mmbench.core.samples import Sample
from mmbench.testing.digests import request_digest, same_sample, sample_digest
from mmbench.testing.elsewhere import differences
from mmbench.testing.rules import BrokenError, KitRule, NotedError, SkippedError, is_line, listed, others
from mmbench.testing.subject import TaskSubject, make_requests, needs

_MEMBERS = ("info", "metrics", "fingerprint", "samples", "requests", "score", "solve", "chance")
_PICTURES = 8


def _methods(subject: TaskSubject) -> str:
    if isinstance(subject.task, type):
        raise BrokenError("It is a class that is not built.")
    missing = [name for name in _MEMBERS if not hasattr(subject.task, name)]
    if missing:
        raise BrokenError(f"It lacks {', '.join(missing)}.")
    return "It has all that a task needs."


def _info(subject: TaskSubject) -> str:
    info = subject.info
    if subject.task.info != info:
        raise BrokenError("Two readings of info differ.")
    texts = {"name": info.name, "version": info.version, "description": info.description}
    texts |= {f"dataset.{field.name}": getattr(info.dataset, field.name) for field in fields(info.dataset)}
    for name, text in texts.items():
        one_line = " ".join(text.split()) if name == "dataset.citation" and isinstance(text, str) else text
        if not is_line(one_line):
            raise BrokenError(f"info.{name} is {text!r}; expected one line of text.")
    unknown = set(info.request_kinds) - set(KINDS)
    if unknown or not info.request_kinds:
        raise BrokenError(f"info.request_kinds is {listed(sorted(info.request_kinds))}; known are {listed(KINDS)}.")
    if "test" not in info.splits or len(set(info.splits)) != len(info.splits):
        raise BrokenError(f"info.splits is {listed(info.splits)}; it has 'test', and each name once.")
    return f"{info.name}, version {info.version}; {info.dataset.name}, licence {info.dataset.licence}."


def _registered(subject: TaskSubject) -> str:
    needs(subject.registered, "It was not checked by a registered name.")
    if subject.info.name != subject.registered:
        raise BrokenError(f"It is registered as {subject.registered!r}, and info.name is {subject.info.name!r}.")
    return f"{subject.registered}, as info.name says."


def _metric_ids(subject: TaskSubject) -> str:
    metrics = subject.metrics
    if not metrics:
        raise BrokenError("It has no metrics.")
    if odd := others(Metric, metrics):
        raise BrokenError(f"metrics holds a {odd[0]}; expected mmbench.Metric.")
    ids = [str(metric.id) for metric in metrics]
    for text in ids:
        try:
            back = str(MetricId.parse(text))
        except ValueError as error:
            raise BrokenError(f"A metric id cannot be parsed back: {error}.") from error
        if back != text:
            raise BrokenError(f"The metric id {text!r} is parsed back as {back!r}.")
    if twice := sorted({text for text in ids if ids.count(text) > 1}):
        raise BrokenError(f"Two metrics have the id {twice[0]!r}.")
    primary = subject.info.primary
    if not primary or set(primary) - set(ids):
        found = listed(primary) if primary else "empty"
        raise BrokenError(f"info.primary is {found}; the metrics are {listed(ids)}.")
    return f"{len(ids)} metrics, {len(primary)} of them primary."


def _samples(subject: TaskSubject) -> str:
    samples = subject.samples
    if not samples:
        raise BrokenError("The split 'test' is empty.")
    for sample in samples:
        problem = _sample_problem(sample)
        if problem:
            raise BrokenError(problem)
    if twice := [sample.id for sample in samples if sample.choices and len(set(sample.choices)) < len(sample.choices)]:
        raise NotedError(f"{len(twice):,} of {len(samples):,} samples have a choice twice; {twice[0]!r} is one.")
    return f"{len(samples):,} samples in {len({sample.cluster for sample in samples}):,} clusters."


def _sample_problem(sample: object) -> str | None:
    if not isinstance(sample, Sample):
        return f"samples() holds a {type(sample).__name__}; expected mmbench.Sample."
    if not sample.parts or others(str | Media, sample.parts):
        return f"Sample {sample.id!r} has parts that are neither text nor media, or none."
    if others(str, (*sample.references, *(sample.choices or ()))):
        return f"Sample {sample.id!r} has references or choices that are not text."
    if sample.choices is not None and not sample.choices:
        return f"Sample {sample.id!r} has an empty set of choices."
    if others(str, (text for pair in sample.slices.items() for text in pair)):
        return f"Sample {sample.id!r} has slices that are not text."
    return None


def _ids(subject: TaskSubject) -> str:
    seen: set[str] = set()
    for sample in subject.samples:
        name = sample.id
        if not is_line(name):
            raise BrokenError(f"{name!r} is no sample id.")
        if name in seen:
            raise BrokenError(f"The id {name!r} occurs more than once.")
        seen.add(name)
        if sample.group and not is_line(sample.group):
            raise BrokenError(f"Sample {name!r} has the group {sample.group!r}.")
    return f"{len(seen):,} ids are unique and printable."


def _stable(subject: TaskSubject) -> str:
    again = list(subject.task.samples("test"))
    if [sample.id for sample in again] != [sample.id for sample in subject.samples]:
        raise BrokenError("A second call of samples() gives other ids, or another order.")
    for one, other in zip(subject.samples, again, strict=True):
        if not same_sample(one, other):
            raise BrokenError(f"A second call of samples() gives another sample {one.id!r}.")
    return "Two calls of samples() agree."


def _splits(subject: TaskSubject) -> str:
    splits = subject.info.splits
    needs(len(splits) > 1, "There is one split.")
    clusters: dict[str, str] = {}
    ids: dict[str, str] = {}
    for split in splits:
        samples = subject.split(split)
        if not samples:
            raise BrokenError(f"The split {split!r} is empty.")
        for found, names, what in (
            (clusters, {sample.cluster for sample in samples}, "group"),
            (ids, {sample.id for sample in samples}, "sample id"),
        ):
            if shared := sorted(names & found.keys()):
                where = f"{found[shared[0]]!r} and {split!r}"
                raise BrokenError(f"The {what} {shared[0]!r} is in both {where} ({len(shared):,} such).")
            found.update(dict.fromkeys(names, split))
    return f"{', '.join(splits)} share no group and no id."


def _shared_media(subject: TaskSubject) -> str:
    owners: dict[str, tuple[str, str]] = {}
    shared: dict[str, list[str]] = {}
    for split in subject.info.splits:
        for sample in subject.split(split):
            for part in sample.parts:
                if isinstance(part, Media):
                    owner = owners.setdefault(part.digest, (split, sample.cluster))
                    if owner != (split, sample.cluster):
                        place = "in several groups" if owner[0] == split else f"in both {owner[0]!r} and {split!r}"
                        shared.setdefault(place, []).append(sample.id)
    needs(owners, "The samples hold no media.")
    if shared:
        said = "; ".join(f"{place} (as in sample {ids[0]!r}, {len(ids):,} such)" for place, ids in shared.items())
        raise NotedError(f"Equal media occur {said}.")
    return f"{len(owners):,} media, each in one group and one split."


def _fingerprint(subject: TaskSubject) -> str:
    first, second = subject.task.fingerprint(), subject.task.fingerprint()
    if not is_line(first) or len(first) < 8:
        raise BrokenError(f"The fingerprint is {first!r}.")
    if first != second:
        raise BrokenError("Two calls of fingerprint() differ.")
    return f"{first[:12]}, twice."


def _requests(subject: TaskSubject) -> str:
    kinds: set[str] = set()
    promised = subject.info.request_kinds
    for sample, made in zip(subject.chosen, subject.requests, strict=True):
        if not made:
            raise BrokenError(f"For sample {sample.id!r} it makes no request.")
        for request in made:
            if request.kind not in promised:
                raise BrokenError(
                    f"For sample {sample.id!r} it makes a {request.kind} request that info does not name."
                )
            if problem := _request_problem(request):
                raise BrokenError(f"A request for sample {sample.id!r} {problem}.")
            kinds.add(request.kind)
    count = sum(map(len, subject.requests))
    if missing := sorted(promised - kinds):
        raise NotedError(f"None of {count:,} requests is of the kind {listed(missing)}, which info names.")
    return f"{count:,} requests, all {' or '.join(sorted(kinds))}."


def _modalities(subject: TaskSubject) -> str:
    info = subject.info
    if not info.modalities or set(info.modalities) - set(MODALITIES):
        raise BrokenError(f"info.modalities is {listed(info.modalities)}; known are {listed(MODALITIES)}.")
    if "image" in info.modalities and info.max_images < 1:
        raise BrokenError(f"info.max_images is {info.max_images}, and info.modalities names images.")
    made = [
        (sample, request) for sample, asked in zip(subject.chosen, subject.requests, strict=True) for request in asked
    ]
    for sample, request in made:
        if more := sorted(request.modalities - set(info.modalities)):
            raise BrokenError(f"A request for sample {sample.id!r} holds {listed(more)}, which info.modalities lacks.")
        if len(request.images) > info.max_images:
            most = f"info.max_images is {info.max_images}"
            raise BrokenError(f"A request for sample {sample.id!r} holds {len(request.images)} images; {most}.")
    if unused := sorted(set(info.modalities) - {kind for _, request in made for kind in request.modalities}):
        raise NotedError(f"No request holds {listed(unused)}, which info.modalities names.")
    return f"Requests hold {', '.join(sorted(info.modalities))}; at most {info.max_images} images each."


def _request_problem(request: Request) -> str | None:
    if not request.content or others(str | Media, request.content):
        return "has parts that are neither text nor media, or none"
    choices = getattr(request, "choices", None)
    if choices is not None and not choices:
        return "has an empty set of choices"
    return None


def _deterministic(subject: TaskSubject) -> str:
    order = list(range(len(subject.chosen)))[::-1]
    again = make_requests(subject.task, subject.info.name, [subject.chosen[n] for n in order], subject.seed)
    for place, made in zip(order, again, strict=True):
        if request_digest(subject.requests[place]) != request_digest(made):
            raise BrokenError(f"A second call makes other requests for sample {subject.chosen[place].id!r}.")
    return "Asked twice, in another order, it makes equal requests."


def _closed(subject: TaskSubject) -> str:
    asked = [request for made in subject.requests for request in made if isinstance(request, Generate)]
    needs(asked, "It makes no generate requests.")
    open_ones = sum(request.choices is None for request in asked)
    if subject.info.closed_answers and open_ones:
        raise BrokenError(f"info.closed_answers is True, but {open_ones} of {len(asked)} requests have no choices.")
    if not subject.info.closed_answers and not open_ones:
        raise NotedError("info.closed_answers is False, but every request has its choices.")
    return "Every request has its choices." if subject.info.closed_answers else "Its answers are open."


def _hidden(subject: TaskSubject) -> str:
    before = sample_digest(subject.chosen)
    for sample, made in zip(subject.chosen, subject.requests, strict=True):
        for request in made:
            if leak := next(_leaks(request, sample), None):
                raise BrokenError(f"A request for sample {sample.id!r} carries {leak}.")
    if sample_digest(subject.chosen) != before:
        raise BrokenError("Making requests changes the samples.")
    return "Requests carry neither references nor the sample."


def _leaks(request: Request, sample: Sample) -> Iterator[str]:
    names = {name for kind in type(request).__mro__ for name in getattr(kind, "__slots__", ())}
    names |= set(getattr(request, "__dict__", {}))
    if "references" in names or hasattr(request, "references"):
        yield "an attribute 'references'"
    for name in sorted(names):
        value = getattr(request, name, None)
        if isinstance(value, Sample):
            yield f"a sample, in its attribute {name!r}"
        if sample.references and value is sample.references and name != "choices":
            yield f"the sample's references, in its attribute {name!r}"


def _media(subject: TaskSubject) -> str:
    found = {
        part.digest: (sample.id, part) for sample in subject.chosen for part in sample.parts if isinstance(part, Media)
    }
    needs(found, "The samples hold no media.")
    some: Sequence[tuple[str, Media]] = list(found.values())[:_PICTURES]
    for sample_id, medium in some:
        loaded = medium.load()
        if medium.kind == "image" and getattr(loaded, "mode", None) != "RGB":
            raise BrokenError(f"A picture of sample {sample_id!r} loads as {type(loaded).__name__}, not as RGB.")
        if medium.kind == "image" and medium.load() is loaded:
            raise BrokenError(f"A picture of sample {sample_id!r} loads twice as the same object.")
        if not medium.read():
            raise BrokenError(f"A {medium.kind} of sample {sample_id!r} reads as no bytes.")
    return f"{len(some)} of {len(found):,} media load."


def _fresh(subject: TaskSubject) -> str:
    needs(subject.fresh_process, "It was not asked for.")
    found = differences(subject.task, subject.n_samples, subject.seed)
    if found:
        raise BrokenError(f"In a fresh process these differ: {', '.join(found)}.")
    return "A fresh process sees the same samples, requests and fingerprint."


def _chance(subject: TaskSubject) -> str:
    chance = subject.task.chance(list(subject.chosen))
    if not chance:
        raise SkippedError("It names no values of chance.")
    metrics = {str(metric.id): metric for metric in subject.metrics}
    for name, value in chance.items():
        if name not in metrics:
            raise BrokenError(f"chance names {name!r}; the metrics are {listed(metrics)}.")
        low, high = metrics[name].bounds
        if not (float("-inf") if low is None else low) <= value <= (float("inf") if high is None else high):
            raise BrokenError(f"chance gives {value} for {name}, outside its bounds.")
    if dict(subject.task.chance(list(subject.chosen))) != dict(chance):
        raise BrokenError("Two calls of chance differ.")
    return "; ".join(f"{name} {value:.4g}" for name, value in list(chance.items())[:4]) + "."


METHODS: KitRule[TaskSubject] = KitRule("methods", "Give a built task with all that mmbench.core.Task names.", _methods)

BASICS: tuple[KitRule[TaskSubject], ...] = (
    KitRule("info", "Fill in every field; 'unknown' where nobody told the licence.", _info),
    KitRule("registered name", "Give the task, and the entry point, one name.", _registered),
    KitRule(
        "metric ids",
        "Give each metric an id of its own from MetricId.parse, and name primary ones as they are.",
        _metric_ids,
    ),
    KitRule("samples", "Return at least one mmbench.Sample, with tuples of text and media.", _samples),
    KitRule("ids", "Give every sample an id that is unique, printable and without line breaks.", _ids),
    KitRule("stable samples", "Draw nothing, or from derive_seed; sort what comes from sets or folders.", _stable),
    KitRule("splits", "Cut the data by group (mmbench.data.split_by_group), and put the split into the id.", _splits),
    KitRule("shared media", "Where it is not on purpose, use the medium's digest as the group.", _shared_media),
    KitRule(
        "fingerprint", "Return the digest of all that can change a score (mmbench.data.dataset_digest).", _fingerprint
    ),
    KitRule(
        "requests",
        "Make mmbench.Generate, Choose or Embed requests of the kinds that info.request_kinds names.",
        _requests,
    ),
    KitRule(
        "modalities",
        "Name in info.modalities what requests hold, and in info.max_images the most images of one.",
        _modalities,
    ),
    KitRule("same requests", "Make requests from the sample alone: no state, no clock, no draws.", _deterministic),
    KitRule(
        "closed answers",
        "Set info.closed_answers where every generate request has its choices, and only there.",
        _closed,
    ),
    KitRule("hidden answers", "Put into a request what a model may see, and nothing else.", _hidden),
    KitRule("media", "Use the functions of mmbench.data, such as image_from_file.", _media),
    KitRule("fresh process", "Depend on no order of sets, no state of the process, no draws without a seed.", _fresh),
    KitRule(
        "chance", "Return finite values within the bounds, by metric id; nothing where chance is undefined.", _chance
    ),
)
"""In order: later checks build on earlier ones."""
