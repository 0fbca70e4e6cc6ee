"""A stranger's distribution with tasks, models that learn, and suites, whose every value can be worked out by hand."""

import sys
import textwrap
from pathlib import Path

import pytest

from mmbench import registry

POINTS = """
[mmbench.tasks]
skills/eighty = world_plugins:skills
vectors/four = world_plugins:vectors

[mmbench.models]
eye = world_plugins:Eye
ear = world_plugins:Ear
both = world_plugins:Both
flat = world_plugins:Flat
flaky = world_plugins:Flaky
towers = world_plugins:Towers

[mmbench.suites]
world = world_plugins:world
small = world_plugins:small
broken = world_plugins:MODELS
eye = world_plugins:world
"""

SOURCE = '''
"""A small world."""

from mmbench import DatasetInfo, Embed, Generate, PerSampleTask, Sample, SampleScore, ScoreTable, TaskInfo, mean_metric
from mmbench.core import Learned, Suite

MODELS = ("ear", "eye", "both", "towers")
world = Suite("Every model of the world.", MODELS)
small = Suite("Every model of the world on both of its tasks.", MODELS, ("skills/eighty", "vectors/four"))
DATA = DatasetInfo("world", "1", "CC0-1.0", "")


class Skills(PerSampleTask):
    """Eighty questions, half of them easy."""

    info = TaskInfo("skills/eighty", "1", "says", DATA, frozenset({"generate"}), ("accuracy",),
                    splits=("test", "train"), closed_answers=True)
    metrics = (mean_metric("accuracy", "sample", "accuracy"),)
    columns = ("accuracy",)

    def fingerprint(self): return "1"
    def samples(self, split="test"):
        return [
            Sample(f"{split}-{skill}-{n}", (f"{skill} {n}",), ("a",), ("a", "b"), slices={"skill": skill})
            for n in range(40) for skill in ("easy", "hard")
        ]
    def requests(self, sample): return [Generate(parts=sample.parts, choices=sample.choices)]
    def score_sample(self, sample, response): return SampleScore({"accuracy": float(response.output == "a")})
    def chance(self, samples): return {"accuracy": 0.5}


class Vectors:
    """Four things to embed; whoever embeds them is right."""

    info = TaskInfo("vectors/four", "1", "embeds", DATA, frozenset({"embed"}), ("found(direction=t2i)",),
                    splits=("test", "train"))
    metrics = (mean_metric("found(direction=t2i)", "sample", "found"),)

    def fingerprint(self): return "1"
    def samples(self, split="test"): return [Sample(f"{split}-{n}", (f"{n}",)) for n in range(4)]
    def requests(self, sample): return [Embed(part=sample.parts[0])]
    def score(self, samples, responses):
        ids = [sample.id for sample in samples]
        return {"sample": ScoreTable("sample", ids, ids, ["scored"] * len(ids), {"found": [1.0] * len(ids)})}
    def solve(self, sample, request): return [1.0]
    def chance(self, samples): return {}


skills, vectors = Skills(), Vectors()


class Learner:
    """Right on the first questions of each skill: of 40 easy and 40 hard ones as many as the seed has it."""

    looks_at: tuple[str, ...] = ()
    right = {}

    def __init__(self, note=""): self.note = note
    def fit(self, info, train, val, context):
        self.shares = dict(zip(("easy", "hard"), self.right[context.seed], strict=True))
        self.learned = Learned(parameters=1500, train_s=10.0 * (1 + context.seed), modalities=self.looks_at)
    def generate(self, requests):
        asked = [request.text.split() for request in requests]
        return ["a" if int(n) < 40 * self.shares[skill] else "b" for skill, n in asked]


class Ear(Learner):
    """Listens: a quarter is right."""

    looks_at = ("text",)
    right = dict.fromkeys(range(9), (0.25, 0.25))


class Eye(Learner):
    """Looks: half is right."""

    looks_at = ("image",)
    right = dict.fromkeys(range(9), (0.5, 0.5))


class Both(Learner):
    """Looks and listens: all, three quarters or one quarter are right."""

    looks_at = ("image", "text")
    right = {0: (1, 1), 1: (1, 0.5), 2: (0.5, 0)}


class Flaky(Both):
    """As `Both`, but seed 1 cannot be learned."""

    right = {0: (1, 1), 2: (0.5, 0)}


class Flat:
    """Learns nothing; always says the same."""

    def generate(self, requests): return ["b"] * len(requests)


class Towers:
    """Embeds, and that is all."""

    def embed(self, requests): return [[1.0]] * len(requests)
'''


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the distribution below `folder` and on the path of this process; the folder that holds it."""
    place = folder / "strangers"
    info = place / "world-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: world\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    (place / "world_plugins.py").write_text(textwrap.dedent(SOURCE).lstrip(), encoding="utf-8")
    monkeypatch.syspath_prepend(place)
    monkeypatch.delitem(sys.modules, "world_plugins", raising=False)
    registry.plugins.cache_clear()
    return place
