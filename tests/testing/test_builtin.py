"""What the package brings passes through the same kit as anybody's plug-in."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbench import registry
from mmbench.core import DataSource, UsageError
from mmbench.extract import extractor_named
from mmbench.models.replay import Replay
from mmbench.resolve.model_names import resolve_model
from mmbench.resolve.task_names import resolve_tasks
from mmbench.testing import ProbeTask, check_model, check_task
from mmbench.testing.rules import judge
from mmbench.testing.subject import TaskSubject
from mmbench.testing.task_basics import BASICS, METHODS

pytestmark = pytest.mark.slow

OWN = "mmbench=="


def own(kind: registry.Kind) -> list[str]:
    return [plugin.name for plugin in registry.plugins(kind) if plugin.distribution.startswith(OWN)]


def embedded(name: str) -> bool:
    """Whether a registered task brings its own data: a source that can be read `at` a path has them elsewhere."""
    found = registry.load(registry.find("task", name))
    if hasattr(found, "from_data"):
        return found.default is not None and embedded(found.default)
    return not hasattr(getattr(found, "source", None), "at")


def elsewhere(name: str) -> bool:
    """Whether a registered task, not a family, has its data on the hub or in official files."""
    return not embedded(name) and not hasattr(registry.load(registry.find("task", name)), "from_data")


@pytest.mark.parametrize("name", [name for name in own("task") if elsewhere(name)])
def test_what_needs_no_data_of_every_task_with_data_elsewhere(name: str) -> None:
    """The rest of the kit reads samples; `tests/tasks/test_cards*.py` does so from small official files."""
    subject = TaskSubject(resolve_tasks([name])[0].task, 64, 0)
    subject.registered = name
    rules = [METHODS, *(rule for rule in BASICS if rule.name in ("info", "registered name", "metric ids"))]
    checks = [judge(rule, subject) for rule in rules]
    assert {check.name: check.detail for check in checks if check.status != "pass"} == {}
    assert len(checks) == 4


@pytest.mark.parametrize("name", [name for name in own("task") if embedded(name)])
def test_every_task_with_embedded_data(name: str) -> None:
    report = check_task(resolve_tasks([name])[0].task)
    report.raise_if_failed()
    assert report["fresh process"].status == "pass"


def pictures(folder: Path, count: int) -> list[str]:
    generator = np.random.default_rng(0)
    names = [f"{number}.png" for number in range(count)]
    for name in names:
        Image.fromarray(generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(folder / name)
    return names


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_retrieval_on_a_users_captions(tmp_path: Path) -> None:
    rows = [
        {"image": name, "captions": [f"caption {n} of {name}" for n in range(1 + number % 3)]}
        for number, name in enumerate(pictures(tmp_path, 14))
    ]
    data = DataSource(str(lines(tmp_path / "captions.jsonl", rows)))
    report = check_task(resolve_tasks(["retrieval"], [data])[0].task)
    report.raise_if_failed()
    assert report["shards"].status == "skip"
    assert report["oracle"].status == report["ties"].status == report["partial errors"].status == "pass"


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("extractor", ["exact", "verbatim", "mention", "leading", "final-answer", "contains", "unwrap"])
def test_vqa_on_a_users_questions(tmp_path: Path, closed: bool, extractor: str) -> None:
    rows = [
        {"image": name, "question": f"Is it {word}?", "answer": word} | ({"choices": ["red", "blue"]} if closed else {})
        for name in pictures(tmp_path, 6)
        for word in ("red", "blue")
    ]
    data = DataSource(str(lines(tmp_path / "questions.jsonl", rows)))
    if not closed and extractor_named(extractor).needs_choices:
        with pytest.raises(UsageError, match=extractor):
            resolve_tasks(["vqa"], [data], {"extractor": extractor})
        return
    report = check_task(resolve_tasks(["vqa"], [data], {"extractor": extractor})[0].task)
    report.raise_if_failed()
    assert report["unparsable"].status == "pass"


BASELINES = frozenset(
    plugin.name for plugin in registry.plugins("model") if plugin.module.startswith("mmbench_baselines.")
)

NEED_A_NAME = {
    "hf": "tests/models/hf",
    "hf-embed": "tests/models/hf",
    "hf-encoder": "tests/models/hf",
    "openai": "tests/models/endpoint/test_endpoint_conformance.py",
    "replay": "below",
    "vllm": "tests/models/test_vllm.py",
}
"""Models of which nothing can be built without a checkpoint, a server or a file, and where they are checked."""


def checked_elsewhere(name: str) -> Any:
    """The name as a parameter, skipped with the place where the model is checked."""
    if name not in NEED_A_NAME:
        return name
    return pytest.param(name, marks=pytest.mark.skip(reason=f"{name} needs a name or a file: {NEED_A_NAME[name]}"))


@pytest.mark.parametrize("name", [checked_elsewhere(name) for name in own("model")])
def test_every_model_that_needs_no_file(name: str) -> None:
    options = {}
    if name in BASELINES:
        pytest.importorskip("torch")
        options = {"steps": 2, "batch": 8, "checks": 1, "dim": 8}
    resolved = resolve_model(name, options)
    report = check_model(resolved.target, options=resolved.options)
    report.raise_if_failed()
    assert {check.status for check in report} == {"pass"}


def test_replay_of_a_file(tmp_path: Path) -> None:
    task = ProbeTask()
    rows = [{"id": sample.id, "prediction": sample.references[0]} for sample in task.samples()]
    file = lines(tmp_path / "predictions.jsonl", rows)
    report = check_model(Replay, options={"file": str(file)}, task=task)
    report.raise_if_failed()
    assert report["generate: alone"].status == "pass"


def test_replay_of_a_file_that_lacks_a_prediction(tmp_path: Path) -> None:
    file = lines(tmp_path / "predictions.jsonl", [{"id": "another sample", "prediction": "red"}])
    report = check_model(Replay, options={"file": str(file)}, task=ProbeTask())
    assert "has no prediction" in report["generate: batches"].detail
