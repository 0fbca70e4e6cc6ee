"""A metric of another distribution that is no mean: listed, checked, scored, compared, gated and rescored."""

import json
import shutil
import textwrap
from pathlib import Path

import pytest
from helpers import Ended, mmbench

pytestmark = pytest.mark.slow

METRIC = '''
    """Somers' D."""

    from mmbench.metrics import metric


    @metric(
        "somers_d",
        columns=("score", "label"),
        formula="P(s of a positive > s of a negative) - P(it is lower)",
        source="Somers 1962",
        bounds=(-1.0, 1.0),
    )
    def somers_d(rows, weights):
        """How much more often a sample of the class scores above one of another class than below it."""
        import numpy as np

        score, label = rows[:, 0], rows[:, 1] > 0
        above = np.sign(score[label][:, None] - score[~label])
        with np.errstate(invalid="ignore"):
            found = np.einsum("bp,pn,bn->b", weights[:, label], above, weights[:, ~label])
            return found / (weights[:, label].sum(axis=1) * weights[:, ~label].sum(axis=1))
'''
TASK = '''
    import mmbench
    from somers_metrics import somers_d


    class Even(mmbench.PerSampleTask):
        """Is a number even? The model says how sure it is."""

        columns = ("score", "label", "accuracy")
        metrics = (mmbench.mean_metric("accuracy", "sample", "accuracy"), somers_d())
        info = mmbench.TaskInfo(
            name="even",
            version="1",
            description="Is a number even?",
            dataset=mmbench.DatasetInfo("numbers", "1", licence="CC0-1.0", citation="this test"),
            request_kinds=frozenset({"generate"}),
            primary=("somers_d",),
            modalities=("text",),
        )

        def fingerprint(self):
            return "numbers 0 to 39"

        def samples(self, split="test"):
            return [mmbench.Sample(f"n{i}", (f"{i}",), ("even" if i % 2 == 0 else "odd",)) for i in range(40)]

        def chance(self, samples):
            return {"somers_d": 0.0, "accuracy": 0.5}

        def requests(self, sample):
            return [mmbench.Generate(parts=(f"How sure are you that {sample.parts[0]} is even?",))]

        def score_sample(self, sample, response):
            score, label = float(response.output), float(sample.references[0] == "even")
            return mmbench.SampleScore({"score": score, "label": label, "accuracy": float((score > 0.5) == label)})
'''
MODELS = """
    class Good:
        def generate(self, requests):
            numbers = [int(request.parts[-1].split()[5]) for request in requests]
            return [str(1 - n % 2 + n / 50 * (n % 3)) for n in numbers]


    class Bad:
        def generate(self, requests):
            numbers = [int(request.parts[-1].split()[5]) for request in requests]
            return [str(n * 7 % 11) for n in numbers]
"""


def distribution(site: Path, name: str, **entry_points: str) -> None:
    """Pretend that a distribution is installed under `site`: its entry points of the group mmbench.metrics."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}" for key, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[mmbench.metrics]", *lines]))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    distribution(folder, "somers-metrics", somers_d="somers_metrics:somers_d")
    (folder / "somers_metrics.py").write_text(textwrap.dedent(METRIC))
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "even.py").write_text(textwrap.dedent(TASK))
    (folder / "models.py").write_text(textwrap.dedent(MODELS))
    return folder


def rows(ended: Ended) -> dict[str, dict]:
    return {row["id"]: row for row in json.loads(ended.out)["metrics"]}


def test_it_is_a_metric_like_any_other(site: Path, work: Path) -> None:
    def call(*arguments: str) -> Ended:
        ended = mmbench(*arguments, folder=work, PYTHONPATH=str(site))
        assert ended.code == 0, ended.err
        return ended

    listed = rows_by_name(call("list", "metrics", "--json"))["somers_d"]
    assert (listed["from"], listed["range"], listed["broken"]) == ("somers-metrics==1.0", "[-1, 1]", None)
    call("check", "somers_d")

    for model in ("Good", "Bad"):
        ran = call("run", "--model", f"models.py:{model}", "--tasks", "even.py:Even", "--json")
        value = rows(ran)["somers_d"]
        assert -1 <= value["low"] < value["value"] < value["high"] <= 1
    before = work / "even.py"
    call("rescore", "models.py:Good", "--allow", "foreign-source")

    # From here on the task is gone, and the stored runs have to do.
    text = before.read_text()
    before.unlink()
    compared = rows(call("compare", "models.py:Bad", "models.py:Good", "--json"))["somers_d"]["difference"]
    assert 0 < compared["low"] < compared["value"] < compared["high"]
    call("baseline", "save", "models.py:Bad", "bad.json")
    call("gate", "models.py:Good", "--baseline", "bad.json", "--require", "even:somers_d drop<1pt")
    refused = mmbench("compare", "models.py:Bad", "models.py:Good", folder=work)
    assert refused.code == 3, "the distribution is not installed"
    assert "somers_d" in refused.err
    assert mmbench("compare", "models.py:Bad", "models.py:Good", "--metric", "accuracy", folder=work).code == 0
    assert mmbench("show", "models.py:Good", folder=work).code == 0
    gate = ("gate", "models.py:Good", "--baseline", "bad.json", "--require", "even:somers_d drop<1pt")
    assert mmbench(*gate, folder=work).code == 3
    before.write_text(text)


def test_an_id_that_two_distributions_claim_is_refused(site: Path, work: Path) -> None:
    distribution(site, "other-metrics", somers_d="other_metrics:somers_d", accuracy="other_metrics:accuracy")
    ended = mmbench(
        "run", "--model", "random", "--tasks", "vqa/scenes", "--limit", "4", folder=work, PYTHONPATH=str(site)
    )
    assert ended.code == 2
    assert "other-metrics" in ended.err
    listed = rows_by_name(mmbench("list", "metrics", "--json", folder=work, PYTHONPATH=str(site)))
    assert listed["somers_d"]["broken"]
    assert not listed["recall"]["broken"]


def test_a_broken_entry_point_is_shown_and_breaks_nothing_else(site: Path, work: Path) -> None:
    shutil.rmtree(site)
    distribution(site, "broken-metrics", gone="not_there:metric", odd="json:dumps")
    listed = mmbench("list", "metrics", "--json", folder=work, PYTHONPATH=str(site))
    found = rows_by_name(listed)
    assert (listed.code, bool(found["gone"]["broken"]), bool(found["odd"]["broken"])) == (0, True, True)
    assert mmbench("list", "metrics", "--check", folder=work, PYTHONPATH=str(site)).code == 2
    done = mmbench(
        "run", "--model", "random", "--tasks", "vqa/scenes", "--limit", "4", folder=work, PYTHONPATH=str(site)
    )
    assert done.code == 0, done.err


def test_a_task_may_not_call_another_metric_by_a_registered_id(work: Path) -> None:
    text = textwrap.dedent(TASK).replace("from somers_metrics import somers_d", "").replace(", somers_d())", ",)")
    text = text.replace('"sample", "accuracy")', '"sample", "accuracy", higher_is_better=False)')
    text = text.replace('("somers_d",)', '("accuracy",)').replace('{"somers_d": 0.0, ', "{")
    (work / "even.py").write_text(text)
    ended = mmbench("run", "--model", "models.py:Good", "--tasks", "even.py:Even", folder=work)
    assert ended.code == 2, ended.err
    assert "accuracy" in ended.err


def rows_by_name(ended: Ended) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(ended.out)["metrics"]}
