"""A task under the kit's eyes: some of its samples, requests made from them, and answers to score."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from mmbench.core.errors import PluginError
from mmbench.core.ids import derive_seed
from mmbench.core.metric import Metric
from mmbench.core.requests import Choose, Embed, Generate, Request, identify
from mmbench.core.responses import Output, Response
from mmbench.core.samples import Sample
from mmbench.core.score_table import MetricValue, ScoreTable
from mmbench.core.task import Task, TaskInfo
from mmbench.metrics.evaluate import evaluate
from mmbench.models.outputs import BadOutputError, check_outputs
from mmbench.testing.rules import BrokenError, SkippedError, Stages

GIBBERISH = "~?~"
"""A text that no task can find an answer in."""

Answers = list[list[Response]]


class TaskSubject:
    """One task, read once. Everything that is drawn follows from the seed."""

    def __init__(self, task: Task, n_samples: int, seed: int) -> None:
        self.task = task
        self.n_samples = n_samples
        self.seed = seed
        self.fresh_process = True
        self.registered = ""
        self._stages = Stages()

    @property
    def info(self) -> TaskInfo:
        """What the task says of itself."""
        return self._stages.get("info", lambda: self.task.info)

    @property
    def metrics(self) -> list[Metric]:
        """Its metrics."""
        return self._stages.get("metrics", lambda: list(self.task.metrics))

    @property
    def primary(self) -> list[Metric]:
        """Those that stand in the main table."""
        return [metric for metric in self.metrics if str(metric.id) in self.info.primary]

    def split(self, name: str) -> list[Sample]:
        """The samples of a split, read once."""
        return self._stages.get(f"samples of split {name!r}", lambda: list(self.task.samples(name)))

    @property
    def samples(self) -> list[Sample]:
        """All test samples."""
        return self.split("test")

    @property
    def chosen(self) -> list[Sample]:
        """The samples that are asked about and scored: whole clusters, drawn by the seed, in the task's order."""
        return self._stages.get("samples", lambda: choose_samples(self.samples, self.n_samples, self.seed))

    @property
    def requests(self) -> list[list[Request]]:
        """What the task asks about each chosen sample, with ids and seeds."""
        return self._stages.get("requests", lambda: make_requests(self.task, self.info.name, self.chosen, self.seed))

    @property
    def solved(self) -> Answers:
        """The task's own answers."""
        return self._stages.get("solutions", self._solve)

    @property
    def mixed(self) -> Answers:
        """Answers as a mediocre model gives them: right, wrong, unparsable, truncated, refused, failed. New lists each time."""
        return [list(answers) for answers in self._stages.get("mixed answers", self._mix)]

    @property
    def best(self) -> dict[str, MetricValue]:
        """Metric id to value over the task's own answers."""
        return self._stages.get("scores of its own answers", lambda: self.values(self.tables(self.solved)))

    @property
    def clusters(self) -> list[str]:
        """The clusters of the chosen samples, in order."""
        return list(dict.fromkeys(sample.cluster for sample in self.chosen))

    def tables(
        self, answers: Sequence[Sequence[Response]], places: Sequence[int] | None = None
    ) -> dict[str, ScoreTable]:
        """Score answers to the chosen samples, or to those at `places`, in that order."""
        chosen = self.chosen if places is None else [self.chosen[place] for place in places]
        given = answers if places is None else [answers[place] for place in places]
        return dict(self.task.score(list(chosen), [list(each) for each in given]))

    def values(self, tables: Mapping[str, ScoreTable]) -> dict[str, MetricValue]:
        """Metric id to value, for the metrics whose table is there. Raises `BrokenError` for a misfit."""
        try:
            return {str(m.id): evaluate(m, tables[m.unit]) for m in self.metrics if m.unit in tables}
        except PluginError as error:
            raise BrokenError(f"{error}.") from error

    def replaced(self, cluster: str, response: Response, wanted: Callable[[Request], bool] | None = None) -> Answers:
        """The task's own answers, but `response` for the (wanted) requests about the samples of a cluster."""
        return [
            [
                response if sample.cluster == cluster and (wanted is None or wanted(request)) else right
                for request, right in zip(asked, answers, strict=True)
            ]
            for sample, asked, answers in zip(self.chosen, self.requests, self.solved, strict=True)
        ]

    def solution(self, sample: Sample, request: Request) -> Response:
        """The task's own answer, checked as a model's would be. Raises `BrokenError`."""
        output: Any = self.task.solve(sample, request)
        try:
            response = check_outputs(request.kind, [request], [output])[0]
        except BadOutputError as error:
            raise BrokenError(f"solve for sample {sample.id!r}: {error}.") from error
        if response.status == "error":
            said = str(response.error).replace(f"{request.kind} returned", "solve returned")
            raise BrokenError(f"For sample {sample.id!r} and a {request.kind} request, {said}.")
        return response

    def _solve(self) -> Answers:
        return [
            [self.solution(sample, request) for request in asked]
            for sample, asked in zip(self.chosen, self.requests, strict=True)
        ]

    def _mix(self) -> Answers:
        texts = sorted({r.output for answers in self.solved for r in answers if isinstance(r.output, str)})
        return [
            [self._mediocre(request, right, texts) for request, right in zip(asked, answers, strict=True)]
            for asked, answers in zip(self.requests, self.solved, strict=True)
        ]

    def _mediocre(self, request: Request, right: Response, texts: Sequence[str]) -> Response:
        draw = random.Random(derive_seed("conformance", self.seed, request.id))
        fate = draw.random()
        if fate < 0.06:
            return Response("error", error="the kit left this request unanswered")
        if fate < 0.1:
            return Response("timeout", error="the kit left this request unanswered")
        if isinstance(request, Generate):
            if fate < 0.15:
                return Response("refused", "No.")
            if fate < 0.2:
                return Response("ok", GIBBERISH)
            if fate < 0.25:
                return Response("truncated", draw.choice((right.output, "")), "cut off", finish_reason="length")
            return right if fate < 0.5 else Response("ok", draw.choice(request.choices or texts))
        if isinstance(request, Choose):
            return right if fate < 0.4 else Response("ok", [float(draw.randrange(3)) for _ in request.choices])
        return self._blurred(right, draw)

    @staticmethod
    def _blurred(right: Response, draw: random.Random) -> Response:
        import numpy as np

        vector = np.asarray(right.output, dtype=np.float32)
        noise = np.asarray([draw.gauss(0, 1) for _ in vector], dtype=np.float32)
        strength = draw.choice((0.5, 1.0, 10.0))
        blurred = vector + strength * noise * (np.linalg.norm(vector) / np.sqrt(len(vector)) or 1.0)
        return Response("ok", cast("Output", blurred))


def choose_samples(samples: Sequence[Sample], most: int, seed: int) -> list[Sample]:
    """About `most` samples, whole clusters, at least two where there are two; by a hash of their names and the seed."""
    sizes: dict[str, int] = {}
    for sample in samples:
        sizes[sample.cluster] = sizes.get(sample.cluster, 0) + 1
    taken: set[str] = set()
    count = 0
    for cluster in sorted(sizes, key=lambda name: (derive_seed("conformance", seed, name), name)):
        if len(taken) >= 2 and count + sizes[cluster] > most:
            break
        taken.add(cluster)
        count += sizes[cluster]
    return [sample for sample in samples if sample.cluster in taken]


def make_requests(task: Task, name: str, samples: Sequence[Sample], seed: int) -> list[list[Request]]:
    """The requests about each sample, identified as the runner does it."""
    made = []
    for sample in samples:
        requests = list(task.requests(sample))
        if odd := [r for r in requests if not isinstance(r, Generate | Choose | Embed)]:
            raise BrokenError(f"For sample {sample.id!r} it makes a {type(odd[0]).__name__}, which is no request.")
        identify(requests, name, sample.id, seed)
        made.append(requests)
    return made


def needs(condition: object, reason: str) -> None:
    """Skip the check, with the reason, unless the condition holds."""
    if not condition:
        raise SkippedError(reason)
