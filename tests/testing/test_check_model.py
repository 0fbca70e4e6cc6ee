"""Models that break one promise each: the kit names that promise, and lets a model that keeps them all pass."""

import asyncio
import itertools
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmbench.core import Generation, Learned, MissingExtraError, ModelInfo, UsageError, derive_seed
from mmbench.testing import ProbeTask, check_model
from mmbench.testing.model_calls import difference
from mmbench.testing.report import Report


def failing(report: Report) -> set[str]:
    return {check.name for check in report.failed}


class Good:
    """Looks at the picture and the text; every answer depends on its own request alone."""

    def generate(self, requests: Any) -> list[Any]:
        return [f"{np.asarray(r.images[0].load()).mean():.3f} {len(r.text)}" for r in requests]

    def choose(self, requests: Any) -> list[Any]:
        return [[float(len(choice)) for choice in r.choices] for r in requests]

    def embed(self, requests: Any) -> Any:
        seeds = [derive_seed(r.part if isinstance(r.part, str) else r.part.digest) for r in requests]
        return np.stack([np.random.default_rng(seed).standard_normal(6) for seed in seeds]).astype(np.float32)


class Collating(Good):
    def __init__(self) -> None:
        self.threads: set[str] = set()

    def collate(self, requests: Any) -> list[str]:
        self.threads.add(threading.current_thread().name)
        return [request.text for request in requests]

    def generate(self, requests: Any, inputs: Any = None) -> list[Any]:
        return [Generation(text.upper()) for text in inputs]

    def choose(self, requests: Any, inputs: Any = None) -> Any:
        return super().choose(requests)

    def embed(self, requests: Any, inputs: Any = None) -> Any:
        return super().embed(requests)


class Async:
    async def open(self) -> None:
        self.lock = asyncio.Lock()

    async def close(self) -> None:
        del self.lock

    async def generate(self, request: Any) -> str:
        async with self.lock:
            return str(request.text)

    async def embed(self, request: Any) -> list[float]:
        return [1.0, float(len(request.content))]


class Learns:
    def fit(self, task: Any, train: Any, val: Any, context: Any) -> None:
        self.answers = {context.requests(s)[0].text: s.references[0] for s in (*train, *val)}

    def generate(self, requests: Any) -> list[str]:
        return [self.answers.get(request.text, "no") for request in requests]

    def choose(self, requests: Any) -> list[list[float]]:
        return [[float(choice == self.answers.get(r.text)) for choice in r.choices] for r in requests]


@pytest.mark.parametrize("model", [Good, Collating, Async, Learns])
def test_a_model_that_keeps_its_promises_passes(model: Any) -> None:
    report = check_model(model)
    report.raise_if_failed()
    assert report.name == model.__name__
    assert {check.status for check in report} <= {"pass", "note"}
    assert "generate: batches" in {check.name for check in report}


def test_collate_runs_in_the_background() -> None:
    model = Collating()
    assert check_model(model).ok
    assert threading.main_thread().name not in model.threads


class NoMethod:
    def genrate(self, requests: Any) -> list[str]:
        return []


class NumberAsInfo(Good):
    info = 7


class BlankDigest(Good):
    info = ModelInfo(digest=" ")


class CannotBeBuilt(Good):
    def __init__(self) -> None:
        raise RuntimeError("no such weights")


class LosesAMethod(Good):
    def __init__(self) -> None:
        self.choose = None  # type: ignore[assignment]


class CannotFit(Learns):
    def fit(self, task: Any, train: Any) -> None:  # type: ignore[override]
        """Takes too little."""


class CannotOpen(Good):
    def open(self) -> None:
        raise OSError("no device")


class CannotClose(Good):
    def close(self) -> None:
        raise OSError("no device")


class TooFew(Good):
    def generate(self, requests: Any) -> list[Any]:
        return super().generate(requests)[:1]


class OneText(Good):
    def generate(self, requests: Any) -> Any:
        return "red"


class TooManyVectors(Good):
    def embed(self, requests: Any) -> Any:
        return np.ones((len(requests) + 1, 4))


class IgnoresInputs(Good):
    def collate(self, requests: Any) -> list[Any]:
        return list(requests)


class CollateRaises(Collating):
    def collate(self, requests: Any) -> list[str]:
        raise KeyError("pixel_values")


class Number(Good):
    def generate(self, requests: Any) -> list[Any]:
        return [3] * len(requests)


class TooFewScores(Good):
    def choose(self, requests: Any) -> Any:
        return [[1.0]] * len(requests)


class NotANumber(Good):
    def embed(self, requests: Any) -> Any:
        return np.full((len(requests), 4), np.nan)


class OtherLengths(Good):
    def embed(self, requests: Any) -> Any:
        return [np.ones(4 if isinstance(r.part, str) else 3) for r in requests]


class SeesThePadding(Good):
    """The longest text of the batch leaks into every answer."""

    def generate(self, requests: Any) -> list[Any]:
        longest = max(len(request.text) for request in requests)
        return [f"{request.text.ljust(longest)}!" for request in requests]


class NormalisesOverTheBatch(Good):
    def embed(self, requests: Any) -> Any:
        vectors = super().embed(requests)
        return vectors - vectors.mean(axis=0) * (len(vectors) > 1)


class SortsByLength(Good):
    def generate(self, requests: Any) -> list[Any]:
        return super().generate(sorted(requests, key=lambda request: request.text))


class ByPlace(Good):
    """The place in the batch decides, but for the one in front: no batch of one shows it."""

    def choose(self, requests: Any) -> list[Any]:
        return [[float(n > 0)] * len(request.choices) for n, request in enumerate(requests)]


class ChangesRequests(Good):
    def generate(self, requests: Any) -> list[Any]:
        texts = super().generate(requests)
        for request in requests:
            request.parts = (*request.parts, "Answer:")
        return ["same" for _ in texts]


@pytest.mark.parametrize(
    ("model", "check", "said"),
    [
        (NoMethod, "methods", "none of the methods"),
        (NumberAsInfo, "info", "int"),
        (BlankDigest, "info", "digest"),
        (CannotBeBuilt, "build", "no such weights"),
        (LosesAMethod, "build", "other methods"),
        (CannotFit, "fit", "TypeError"),
        (CannotOpen, "open", "no device"),
        (CannotClose, "close", "no device"),
        (TooFew, "generate: batches", "1 outputs for 2 requests"),
        (OneText, "generate: batches", "str"),
        (TooManyVectors, "embed: batches", "2 vectors for 1 requests"),
        (IgnoresInputs, "generate: batches", "inputs"),
        (CollateRaises, "generate: batches", "pixel_values"),
        (Number, "generate: outputs", "int"),
        (TooFewScores, "choose: outputs", "1 scores for"),
        (NotANumber, "embed: outputs", "NaN"),
        (OtherLengths, "embed: outputs", "length"),
        (SeesThePadding, "generate: alone", "One by one"),
        (NormalisesOverTheBatch, "embed: alone", "apart"),
        (SortsByLength, "generate: order", "another order"),
        (ByPlace, "choose: order", "another order"),
        (ChangesRequests, "generate: requests", "other after a call"),
    ],
)
def test_a_broken_promise_is_named(model: Any, check: str, said: str) -> None:
    report = check_model(model)
    assert report[check].status == "fail"
    assert said in report[check].detail
    assert report[check].advice


@pytest.mark.parametrize("model", [TooFew, Number, SeesThePadding, ByPlace, ChangesRequests, CannotClose])
def test_a_fault_of_one_method_is_not_blamed_on_another(model: Any) -> None:
    prefixes = {name.partition(":")[0] for name in failing(check_model(model))}
    assert len(prefixes) == 1


def test_answers_that_differ_from_call_to_call_are_noted_and_not_compared() -> None:
    count = itertools.count()

    class Unsteady(Good):
        def generate(self, requests: Any) -> list[Any]:
            return [f"answer {next(count)}" for _ in requests]

    report = check_model(Unsteady)
    assert report.ok
    assert report["generate: repeat"].status == "note"
    assert report["generate: alone"].status == report["generate: order"].status == "skip"
    assert report["choose: alone"].status == "pass"


def test_small_numerical_differences_are_tolerated() -> None:
    class LowPrecision(Good):
        def embed(self, requests: Any) -> Any:
            return super().embed(requests) * (1 + 1e-4 * len(requests))

    assert check_model(LowPrecision).ok
    assert failing(check_model(LowPrecision, tolerance=1e-6)) == {"embed: alone", "embed: order"}


def test_unusual_input_is_noted() -> None:
    class NeedsText(Good):
        def generate(self, requests: Any) -> list[Any]:
            return [request.text.strip()[0] + "!" for request in requests]

    check = check_model(NeedsText)["generate: unusual input"]
    assert check.status == "note"
    assert "an empty text: IndexError" in check.detail


def test_an_object_without_a_digest_is_noted() -> None:
    assert check_model(Good())["info"].status == "note"

    class Told(Good):
        info = {"digest": "abc"}  # noqa: RUF012

    assert check_model(Told())["info"].status == "pass"


def test_a_class_gets_its_options() -> None:
    class Sized(Good):
        def __init__(self, depth: int) -> None:
            self.depth = depth

        def generate(self, requests: Any) -> list[Any]:
            return ["x" * self.depth for _ in requests]

    assert check_model(Sized, options={"depth": 3}).ok
    assert "depth" in check_model(Sized)["build"].detail


def test_a_missing_extra_is_no_fault_of_the_model() -> None:
    class NeedsExtra(Good):
        def open(self) -> None:
            raise MissingExtraError("this model", "models")

    with pytest.raises(MissingExtraError):
        check_model(NeedsExtra)


def test_a_model_is_asked_the_task_that_is_given() -> None:
    seen: list[Any] = []

    class Watching:
        def choose(self, requests: Any) -> list[Any]:
            seen.extend(requests)
            return [[0.0] * len(request.choices) for request in requests]

    report = check_model(Watching, task=ProbeTask("generate", size=20))
    assert report.ok
    assert {request.kind for request in seen} == {"choose"}
    assert seen[0].images[0].load().size == (20, 20)
    with pytest.raises(UsageError, match="embed"):
        check_model(Watching, task=ProbeTask("embed"))


def test_a_model_that_learns_needs_a_training_split() -> None:
    class NoTraining(ProbeTask):
        @property
        def info(self) -> Any:
            return replace(super().info, splits=("test",))

    with pytest.raises(UsageError, match="training split"):
        check_model(Learns, task=NoTraining())


def test_a_model_that_learns_is_fitted_anew_for_every_method() -> None:
    built: list[Any] = []

    class Counted(Learns):
        def __init__(self) -> None:
            self.fits = 0
            self.closed = False
            built.append(self)

        def fit(self, task: Any, train: Any, val: Any, context: Any) -> None:
            self.fits += 1
            super().fit(task, train, val, context)

        def close(self) -> None:
            self.closed = True

    assert check_model(Counted).ok
    assert len(built) == 2
    assert all(model.fits == 1 and model.closed for model in built)


def test_a_learner_is_kept_from_the_test_split_and_from_the_disk() -> None:
    class Cheats(Learns):
        def fit(self, task: Any, train: Any, val: Any, context: Any) -> None:
            assert context.folder is None
            for sample in ProbeTask("generate").samples("test"):
                context.requests(sample)

    report = check_model(Cheats)
    assert "fit" in failing(report)
    assert "is out of reach of training" in report["fit"].detail


def test_fit_may_return_the_model_and_must_not_say_what_cannot_be_kept() -> None:
    class Returns(Learns):
        learned: Any = Learned(parameters=3, val={"accuracy": 0.5})

        def fit(self, *given: Any) -> Any:
            super().fit(*given)
            return self

    class SaysNaN(Returns):
        learned = Learned(train_s=float("nan"))

    assert check_model(Returns).ok
    assert "train_s = nan" in check_model(SaysNaN)["fit"].detail


def test_what_comes_after_a_failed_start_is_skipped() -> None:
    class CannotFitButOpens(CannotFit):
        def open(self) -> None:
            """Never called."""

    report = check_model(CannotFitButOpens)
    assert failing(report) >= {"fit"}
    assert report["open"].status == "skip"
    assert not [check.name for check in report if check.name.startswith(("generate:", "choose:"))]


def test_a_refused_probe_is_noted() -> None:
    class Shy(Good):
        def generate(self, requests: Any) -> list[Any]:
            return [Generation("No.", refused=True) for _ in requests]

    report = check_model(Shy)
    assert report.ok
    assert report["generate: outputs"].status == "note"


def test_infinite_log_probabilities_are_compared_by_place() -> None:
    from mmbench.core import Response

    low, other = Response("ok", [0.0, -1e30]), Response("ok", [-1e30, 0.0])
    assert difference(low, Response("ok", [1e-5, -1e30]), 1e-3) is None
    assert difference(low, other, 1e-3) is not None
