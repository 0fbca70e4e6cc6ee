"""What all tests share: real data beside the checkout, no network but loopback, hypothesis profiles."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import selection
from helpers import Ended
from hypothesis import settings

collect_ignore_glob = ["conftest.py", "*/conftest.py"]  # no doctests there, and their names are all the same
ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
NO_SHARED_DATA = "needs the data folder ../shared/data beside the checkout"
NO_NETWORK = Path(__file__).resolve().parent / "_no_network"

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def _block_network() -> None:
    spec = importlib.util.spec_from_file_location("_mmbench_no_network", NO_NETWORK / "sitecustomize.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    paths = [str(NO_NETWORK), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def pytest_configure(config: pytest.Config) -> None:
    """Block the network for this process and its children, let no hub library try it, and import only what `-m` leaves."""
    config.pluginmanager.register(selection)
    _block_network()
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave trainings, nightly tests and those that need a GPU out unless they are asked for. Whatever uses the fixture `shared_data` carries its marker; both are skipped where the data are absent."""
    for marker in ("training", "nightly", "gpu"):
        if marker not in config.option.markexpr:
            config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker(marker)])
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared_data)
        if item.get_closest_marker("shared_data") and not SHARED_DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=NO_SHARED_DATA))


@pytest.fixture(scope="session", autouse=True)
def quiet_machine() -> None:
    """What else runs on this machine is no reason against a speed, unless a test looks at just that."""
    from mmbench.perf import cpu

    cpu.PRESSURE = Path("/nowhere")


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """No test of this process can lose the power, so none waits for its files to be safe from that; child processes do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; read-only."""
    if not SHARED_DATA.is_dir():
        pytest.skip(NO_SHARED_DATA)
    return SHARED_DATA


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(autouse=True)
def _same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test makes importable is gone after it."""
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture(autouse=True)
def _plugins_of_this_environment(_same_path: None) -> Iterator[None]:
    """Forget the plug-ins of a test that changed the path; reading them again costs a tenth of a second."""
    before = [*sys.path]
    yield
    if sys.path != before:
        from mmbench import registry

        registry.plugins.cache_clear()


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs ``mmbench`` with these arguments in `tmp_path`: as `helpers.mmbench`, without the start of an interpreter."""
    from mmbench.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path, **environment: str) -> Ended:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        given = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["mmbench", *given])
        capsys.readouterr()
        code = main(given)
        captured = capsys.readouterr()
        for name in environment:
            monkeypatch.delenv(name)
        return Ended(code, captured.out, captured.err)

    return run
