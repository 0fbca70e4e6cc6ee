"""Tasks that break one promise each. They live in a module of their own, so that another process can import them."""

import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mmbench.core import Embed, Generate, Media, MetricId, Response, Sample, SampleScore, ScoreTable
from mmbench.data import FileImage
from mmbench.metrics.formulas import mean_metric
from mmbench.testing import ProbeTask


class Broken(ProbeTask):
    """Base of the broken tasks: counts calls, so that a task can change its mind."""

    def __init__(self, kind: Any = "generate", size: int = 8) -> None:
        super().__init__(kind, size)
        self.calls = 0

    def changed(self, **values: Any) -> Any:
        return replace(super().info, **values)


class NoLicence(Broken):
    @property
    def info(self) -> Any:
        return self.changed(dataset=replace(ProbeTask().info.dataset, licence=" "))


class NoTestSplit(Broken):
    @property
    def info(self) -> Any:
        return self.changed(splits=("train", "val"))


class LooksAtTextAlone(Broken):
    @property
    def info(self) -> Any:
        return self.changed(modalities=("text",))


class UnknownModality(Broken):
    @property
    def info(self) -> Any:
        return self.changed(modalities=("smell", "text"))


class TwoImages(Broken):
    def requests(self, sample: Sample) -> Any:
        (request,) = super().requests(sample)
        return [replace(request, parts=(*request.images, *request.parts))]


class UnknownPrimary(Broken):
    @property
    def info(self) -> Any:
        return self.changed(primary=("f1",))


class TwoMetricsOfOneId(Broken):
    @property
    def metrics(self) -> Any:
        return [*super().metrics, *super().metrics]


class OddId(MetricId):
    def __str__(self) -> str:
        return "Accuracy of all!"


class UnparsableMetricId(Broken):
    @property
    def metrics(self) -> Any:
        return [replace(super().metrics[0], id=OddId("accuracy"))]


class Empty(Broken):
    def samples(self, split: str = "test") -> list[Sample]:
        return super().samples(split)[:0]


class ChoiceTwice(Broken):
    def samples(self, split: str = "test") -> list[Sample]:
        return [replace(sample, choices=(*(sample.choices or ()), "no", "no")) for sample in super().samples(split)]


class DuplicateIds(Broken):
    def samples(self, split: str = "test") -> list[Sample]:
        first, second, *others = super().samples(split)
        return [first, replace(second, id=first.id), *others]


class LineBreakInId(Broken):
    def samples(self, split: str = "test") -> list[Sample]:
        first, *others = super().samples(split)
        return [replace(first, id="two\nlines"), *others]


class OtherOrderEachTime(Broken):
    def samples(self, split: str = "test") -> list[Sample]:
        self.calls += 1
        found = super().samples(split)
        return found[self.calls % len(found) :] + found[: self.calls % len(found)]


class TestGroupInTrain(Broken):
    __test__ = False

    def samples(self, split: str = "test") -> list[Sample]:
        return [replace(s, group=s.group.replace("train-red-1", "test-red-0")) for s in super().samples(split)]


class SameIdsInEverySplit(Broken):
    def samples(self, split: str = "test") -> list[Sample]:
        return [replace(s, id=f"row-{number}") for number, s in enumerate(super().samples(split))]


class OtherFingerprintEachTime(Broken):
    def fingerprint(self) -> str:
        self.calls += 1
        return f"{super().fingerprint()}{self.calls}"


class UnannouncedKind(Broken):
    def requests(self, sample: Sample) -> Any:
        return [*super().requests(sample), Embed(part="a text")]


class AsksNothing(Broken):
    def requests(self, sample: Sample) -> Any:
        return []


class AsksOtherwiseEachTime(Broken):
    def requests(self, sample: Sample) -> Any:
        self.calls += 1
        return [Generate(parts=(f"Question {self.calls}",), choices=sample.choices)]


class ClosedWithoutChoices(Broken):
    def requests(self, sample: Sample) -> Any:
        return [Generate(parts=request.parts) for request in super().requests(sample)]  # type: ignore[attr-defined]


@dataclass(slots=True, kw_only=True)
class Leaky(Generate):
    references: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class LeakySample(Generate):
    about: Sample | None = None


class GivesReferences(Broken):
    def requests(self, sample: Sample) -> Any:
        return [Leaky(parts=sample.parts, choices=sample.choices, references=sample.references)]


class GivesSample(Broken):
    def requests(self, sample: Sample) -> Any:
        return [LeakySample(parts=sample.parts, choices=sample.choices, about=sample)]


class MissingPicture(Broken):
    def samples(self, split: str = "test") -> list[Sample]:
        gone = Media("image", "image/png", "0" * 64, FileImage("no/such/picture.png"))
        return [replace(s, parts=(gone, s.parts[1]), group="") for s in super().samples(split)]


class OrderOfASet(Broken):
    def samples(self, split: str = "test") -> list[Sample]:
        by_id = {sample.id: sample for sample in super().samples(split)}
        return [by_id[name] for name in set(by_id)]


class DrawnWhenBuilt(ProbeTask):
    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"{random.SystemRandom().random()} "

    def samples(self, split: str = "test") -> list[Sample]:
        return [replace(s, id=self.prefix + s.id) for s in super().samples(split)]


class ChanceOfAnUnknownMetric(Broken):
    def chance(self, samples: Any) -> dict[str, float]:
        return {"f1": 0.5}


class ChanceOutOfBounds(Broken):
    def chance(self, samples: Any) -> dict[str, float]:
        return {"accuracy": 25.0}


class SolvesWithANumber(Broken):
    def solve(self, sample: Sample, request: Any) -> Any:
        return 3


class NotANumber(Broken):
    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        return SampleScore({"accuracy": float("nan")})


class MissingTable(Broken):
    @property
    def metrics(self) -> Any:
        return [*super().metrics, mean_metric("precision", "answer", "precision")]


class MissingColumn(Broken):
    @property
    def metrics(self) -> Any:
        return [*super().metrics, mean_metric("precision", "sample", "precision")]


class ShortStatus(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        table = super().score(samples, responses)["sample"]
        return {"sample": replace(table, status=table.status[1:])}


class ScoresWhatFailed(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        table = super().score(samples, responses)["sample"]
        return {"sample": replace(table, columns={"accuracy": [1.0] * len(samples)})}


class OtherScoreEachTime(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        self.calls += 1
        table = super().score(samples, responses)["sample"]
        scores = np.asarray(table.columns["accuracy"]) * (1 if self.calls % 2 else 0.5)
        return {"sample": replace(table, columns={"accuracy": scores})}


class ChangesResponses(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        for answered in responses:
            answered[:] = [response for response in answered if response.status == "ok"] or [Response("error")]
        return super().score(samples, responses)


class NormalisesInPlace(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        for answered in responses:
            for response in answered:
                if response.status == "ok" and isinstance(response.output, np.ndarray):
                    response.output[:] = response.output / np.linalg.norm(response.output)
        return super().score(samples, responses)


class ScoresByPosition(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        table = super().score(samples, responses)["sample"]
        scores = np.asarray(table.columns["accuracy"]).copy()
        scores[: len(scores) // 4] = 0
        return {"sample": replace(table, columns={"accuracy": scores})}


class RelativeToTheSet(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        table = super().score(samples, responses)["sample"]
        scores = np.asarray(table.columns["accuracy"])
        return {"sample": replace(table, columns={"accuracy": scores * len(samples) / 100})}


class RightIsWrong(Broken):
    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        found = super().score_sample(sample, response)
        return replace(found, values={"accuracy": 0.0}) if sample.references == ("red",) else found


class ErrorIsWrong(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        bad = ("error", "timeout")
        return super().score(samples, [[Response("ok", "") if r.status in bad else r for r in a] for a in responses])


class IgnoresAFailure(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        def spare(answered: Any) -> list[Response]:
            good = [response for response in answered if response.status == "ok"]
            return [response if response.status == "ok" else good[0] for response in answered] if good else answered

        return super().score(samples, [spare(answered) for answered in responses])


class RefusedIsFailed(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        return super().score(
            samples,
            [[Response("error", error="refused") if r.status == "refused" else r for r in a] for a in responses],
        )


class TruncatedUnsaid(Broken):
    def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
        return super().score(
            samples, [[replace(r, status="ok") if r.status == "truncated" else r for r in a] for a in responses]
        )


class UnparsedUnsaid(Broken):
    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        found = super().score_sample(sample, response)
        return SampleScore({"accuracy": 0.0}) if found.status == "unparsed" else found


class RaisesOnEmptyText(Broken):
    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        if isinstance(response.output, str):
            response.output.split()[0]
        return super().score_sample(sample, response)


class TextsAlone(Broken):
    def solve(self, sample: Sample, request: Any) -> Any:
        return sample.references[0]


class FirstOfTheTied(Broken):
    def score_response(self, sample: Sample, response: Response) -> SampleScore:
        if isinstance(response.output, str):
            return super().score_response(sample, response)
        scores = list(response.output or ())
        answer = (sample.choices or ())[scores.index(max(scores))]
        return SampleScore({"accuracy": float(answer in sample.references)})


class WrongBounds(Broken):
    @property
    def metrics(self) -> Any:
        return [mean_metric("accuracy", "sample", "accuracy", bounds=(0.0, 0.01))]
