"""What a request may hold: models say what they take, tasks what they ask with, and both are compared before weights load."""

from dataclasses import replace

import pytest
from learners import Parity

import mmbench
from mmbench.core import PluginError, TaskInfo, UsageError
from mmbench.core.model import MODALITIES, ModelInfo, capabilities
from mmbench.core.requests import Embed
from mmbench.models.caller import served_kinds
from mmbench.models.controls import Constant
from mmbench.models.endpoint.adapter import OpenAI
from mmbench.models.hf.adapter import HuggingFace
from mmbench.models.hf.embedding import HuggingFaceEmbedding
from mmbench.models.prior import TemplatePrior
from mmbench.models.replay import Replay
from mmbench.models.vllm import VLLM
from mmbench.testing import check_model
from mmbench_baselines.models import Concat


class Plain:
    """A user's object that declares nothing."""

    def generate(self, requests):
        return ["even" for _ in requests]


class Reads(Plain):
    modalities = ("text",)


class TwoImages(Plain):
    info = ModelInfo(max_images=2)


def asking(*modalities: str, images: int = 1) -> TaskInfo:
    return replace(Parity.info, modalities=modalities, max_images=images, closed_answers=False)


def problems(task: TaskInfo, model: object) -> list[str]:
    return served_kinds(task, capabilities(model))[1]


@pytest.mark.parametrize(
    ("model", "modalities", "most"),
    [
        (Plain, {"image", "text"}, None),
        (Reads, {"text"}, None),
        (TwoImages(), {"image", "text"}, 2),
        (type("Said", (Plain,), {"info": {"modalities": ["audio"], "max_images": 3}}), {"audio"}, 3),
        (type("Property", (Plain,), {"info": property(lambda self: ModelInfo())}), {"image", "text"}, None),
        (Constant, set(MODALITIES), None),
        (TemplatePrior, set(MODALITIES), None),
        (Replay, set(MODALITIES), None),
        (HuggingFace, {"image", "text"}, None),
        (HuggingFaceEmbedding, {"image", "text"}, 1),
        (OpenAI, {"image", "text"}, None),
        (VLLM, {"image", "text"}, None),
        (Concat, {"image", "text"}, 1),
    ],
)
def test_models_say_what_a_request_may_hold(model, modalities, most):
    found = capabilities(model)
    assert (found.modalities, found.max_images) == (modalities, most)


def test_a_model_takes_what_it_says_and_nothing_else():
    assert problems(asking("image", "text", images=9), Plain) == []
    assert problems(asking("text"), Reads) == []
    assert problems(asking("image", "text", images=2), TwoImages()) == []
    (lacking,) = problems(asking("image", "text"), Reads)
    assert "image" in lacking
    (several,) = problems(asking("image", "text", images=3), TwoImages())
    assert "3 images" in several
    assert len(problems(asking("audio", "image", "text", images=3), TwoImages())) == 2


class Sounds(Parity):
    info = replace(Parity.info, name="parity/sounds", modalities=("audio", "text"))


class Albums(Parity):
    info = replace(Parity.info, name="parity/albums", modalities=("image", "text"), max_images=4)


def test_all_problems_are_said_before_a_model_is_built(tmp_path, monkeypatch):
    built = []

    class Small(Reads):
        def __init__(self):
            built.append(self)

    resolved = {"small": Parity, "sounds": Sounds, "albums": Albums}
    monkeypatch.setattr("mmbench.registry.task_from_python", lambda name: resolved[name.partition(":")[2]]())
    tasks = [f"tasks.py:{name}" for name in resolved]
    with pytest.raises(UsageError) as caught:
        mmbench.run(Small, tasks, out=tmp_path, progress=False)
    assert caught.value.exit_code == 2
    assert all(name in str(caught.value) for name in ("parity/sounds", "parity/albums"))
    assert built == []
    result = mmbench.run(Small, tasks, out=tmp_path, progress=False, skip_incompatible=True)
    assert {name: entry.status for name, entry in result.runs[0].record.tasks.items()} == {
        "parity/small": "complete",
        "parity/sounds": "incompatible",
        "parity/albums": "incompatible",
    }
    assert result.exit_code == 0


def test_a_task_that_asks_with_more_than_it_says_is_refused(tmp_path, monkeypatch):
    class Liar(Parity):
        info = replace(Parity.info, modalities=("image",))

    monkeypatch.setattr("mmbench.registry.task_from_python", lambda name: Liar())
    with pytest.raises(PluginError, match="modalities"):
        mmbench.run(Plain, "tasks.py:liar", out=tmp_path, progress=False)


def test_the_kit_checks_a_model_that_takes_texts_alone():
    class ReadsAll(Reads):
        info = {"digest": "1"}  # noqa: RUF012

        def generate(self, requests):
            assert not any(request.media for request in requests)
            return ["black"] * len(requests)

        def embed(self, requests):
            assert all(isinstance(request, Embed) and isinstance(request.part, str) for request in requests)
            return [[1.0, float(len(request.part))] for request in requests]

    report = check_model(ReadsAll())
    assert not [check for check in report.checks if check.status == "fail"], report
