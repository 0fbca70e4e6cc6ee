"""A registered model is known by name, version and weights; runs that a158290 wrote resume where they lie."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import log_of
from msgspec.structs import replace

import mmbench
from mmbench import registry
from mmbench.registry import Plugin
from mmbench.resolve.former_digests import FORMER_DIGESTS
from mmbench.resolve.identity import of_registered
from mmbench.resolve.model_names import resolve_model
from mmbench.results.rundir import RunDirectory

FIXTURE = Path(__file__).parents[1] / "results" / "fixtures" / "registered-v4"
PLUGIN = Plugin("model", "mine", "mine:Model", "theirs==2.0")


class Model:
    """A model without version and weights."""

    def generate(self, requests: Any) -> list[str]:
        return ["" for _ in requests]


def model(**attributes: Any) -> type:
    """A class of the same source, with these attributes."""
    return type("Model", (Model,), attributes)


def digest(target: Any, plugin: Plugin = PLUGIN, **options: Any) -> str | None:
    return of_registered(plugin, target, options).digest


# --- what tells one registered model from another ---


def test_name_version_and_weights_tell_models_apart() -> None:
    weighed = model(version="1", weights_digest=classmethod(lambda cls, **options: f"w{options.get('size')}"))
    renamed = Plugin("model", "other", PLUGIN.target, PLUGIN.distribution)
    found = [
        digest(model(version="1")),
        digest(model(version="2")),
        digest(model(version="1"), renamed),
        digest(weighed, size=1),
        digest(weighed, size=2),
    ]
    assert len(set(found)) == len(found)


def test_neither_source_nor_module_nor_distribution_counts_where_a_version_is_declared() -> None:
    class Edited:
        version = "1"

        def generate(self, requests: Any) -> list[str]:
            """Another docstring and another body."""
            return []

    moved = Plugin("model", PLUGIN.name, "elsewhere:Edited", "theirs==2.1")
    assert digest(Edited, moved) == digest(model(version="1"))


@pytest.mark.parametrize(
    ("target", "version"),
    [
        (model(version="7"), "7"),
        (model(version=7), "7"),
        (model(info={"version": "7"}), "7"),
        (model(info=mmbench.ModelInfo(version="7"))(), "7"),
        (model(version=property(lambda self: "7")), "theirs==2.0"),
        (model(), "theirs==2.0"),
    ],
)
def test_the_version_is_declared_by_the_class_its_info_or_the_distribution(target: Any, version: str) -> None:
    assert of_registered(PLUGIN, target, {}).version == version


def test_the_weights_of_an_object_are_the_digest_in_its_info() -> None:
    assert digest(model(version="1", info={"digest": "a"})()) != digest(model(version="1", info={"digest": "b"})())


def test_every_model_of_mmbench_declares_its_version() -> None:
    for plugin in registry.plugins("model"):
        if plugin.distribution.startswith("mmbench=="):
            assert isinstance(registry.load(plugin).version, str), plugin.name


# --- a158290 ---


def test_each_model_of_a158290_is_known_by_its_former_digest() -> None:
    names = [name for entry in FORMER_DIGESTS for name in entry.names.split()]
    assert len(names) == len(set(names)) == 29
    assert resolve_model("random").identity.former == (
        "e151e2c758e94a2994012b3b8163d8d80c776bbdb5cf7238fa326b2162906912",
    )


def test_the_former_digests_are_those_in_files_that_a158290_wrote() -> None:
    pytest.importorskip("torch")
    from mmbench.results.saved import read_baseline

    for path in (Path(__file__).parents[2] / "results" / "reference").glob("*-seed0.json"):
        stored = read_baseline(path).run.model
        found = resolve_model(stored.name, stored.options).identity
        assert stored.digest in (found.digest, *found.former), path.name


def test_a_former_digest_holds_for_the_version_of_its_entry_alone() -> None:
    plugin = Plugin("model", "random", "mmbench.models.controls:Random", "mmbench==0.1.0")
    assert of_registered(plugin, model(version="1"), {}).former
    assert not of_registered(plugin, model(version="2"), {}).former


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs of ``random`` and ``oracle`` on two blocks of ``vqa/scenes``, written by a158290."""
    shutil.copytree(FIXTURE, tmp_path / "runs")
    return tmp_path / "runs"


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a run but those that are written at the end of each session."""
    written = ("run.json", "report.md", ".lock")
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in written)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def again(name: str, runs: Path, limit: int = 12) -> mmbench.RunResult:
    return mmbench.run(name, "vqa/scenes", out=runs, limit=limit, perf="off", progress=False)


SAID_SINCE = {"identity_digest": "", "scored_by": {}, "scoring": None, "split_samples": 0, "promise": None}
"""What runs before schema version 7 do not say of a task, and the scores by the extractor of today."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random", "oracle"])
def test_a_run_of_a158290_resumes_in_its_directory_with_nothing_asked(name: str, runs: Path) -> None:
    (folder,) = runs.glob(f"{name}--*")
    before, old = content(folder), RunDirectory(folder).read()
    names = {path.name for path in runs.iterdir()}
    for _ in range(2):
        assert again(name, runs).exit_code == 0
        now = content(folder)
        assert before.items() <= now.items()
        assert {Path(name).parent.name for name in now.keys() - before.keys()} == {"scores"}
        new = RunDirectory(folder).read()
        assert new.former_identities == [old.identity]
        assert new.identity != old.identity
        assert new.created == old.created
        assert [{task: replace(entry, **SAID_SINCE) for task, entry in run.tasks.items()} for run in (new, old)] == [
            {task: replace(entry, scoring=None) for task, entry in old.tasks.items()}
        ] * 2
    assert {path.name for path in runs.iterdir()} == names


@pytest.mark.slow
def test_a_run_of_a158290_is_extended(runs: Path) -> None:
    (folder,) = runs.glob("random--*")
    before = log_of(folder, "vqa/scenes").read_bytes()
    assert again("random", runs, limit=24).exit_code == 0
    after = log_of(folder, "vqa/scenes").read_bytes()
    assert after.startswith(before)
    assert len(after.splitlines()) > len(before.splitlines())
    assert len(list(runs.iterdir())) == 2


@pytest.mark.slow
def test_the_directory_of_todays_identity_wins_over_a_former_one(runs: Path) -> None:
    (folder,) = runs.glob("random--*")
    aside = folder.rename(runs / "aside")
    again("random", runs)
    (own,) = runs.glob("random--*")
    shutil.copytree(aside, folder)
    before = (folder / "run.json").read_bytes()
    again("random", runs)
    assert (folder / "run.json").read_bytes() == before
    assert RunDirectory(own).read().former_identities == []


@pytest.mark.slow
def test_other_options_and_other_seeds_are_other_runs(runs: Path) -> None:
    mmbench.run("random", "vqa/scenes", out=runs, limit=4, perf="off", progress=False, seed=1)
    mmbench.run("random", "vqa/scenes", out=runs, limit=4, perf="off", progress=False, model_args={"dim": 8})
    assert len(list(runs.glob("random--*"))) == 3
