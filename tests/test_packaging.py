"""The sdist, the wheel and the editable install all work from another folder, with spawn workers."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SOURCES = ("LICENSE", "MANIFEST.in", "README.md", "CHANGELOG.md", "constraints.txt", "pyproject.toml")
FOLDERS = ("mmbench", "tasks", "baselines")
ROOTS = {"mmbench": ".", "mmbench_tasks": "tasks", "mmbench_baselines": "baselines"}
"""Top-level package to the folder that it lies in."""

SPAWN = """
import importlib
import inspect
import multiprocessing
import pkgutil
import sys

def describe(function):
    module = sys.modules[function.__module__]
    return multiprocessing.parent_process() is not None, function.__qualname__, module.__name__, module.__file__

if __name__ == "__main__":
    import mmbench_tasks.vqa as family
    modules = [importlib.import_module(f"{family.__name__}.{m.name}") for m in pkgutil.iter_modules(family.__path__)]
    function = next(
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    )
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        in_child, name, module, file = pool.apply(describe, (function,))
    assert in_child
    assert name == function.__qualname__
    assert module.startswith("mmbench_tasks.vqa.")
    print(file)
"""

ENTRY_POINTS = """
from importlib.metadata import entry_points
for group in ("mmbench.tasks", "mmbench.models", "mmbench.metrics", "mmbench.datasets", "mmbench.suites", "mmbench.baselines"):
    for point in entry_points(group=group):
        if point.dist.name == "mmbench":
            point.load()
            print(group, point.name)
"""


@dataclass(frozen=True)
class Installed:
    """One way of installing mmbench, used from a folder that is not the checkout."""

    home: Path
    """The folder that `mmbench` must come from."""
    python_path: tuple[Path, ...]
    """What goes on PYTHONPATH."""
    folder: Path
    """The working folder."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        inherited = filter(None, [os.environ.get("PYTHONPATH")])
        paths = os.pathsep.join([*map(str, self.python_path), *inherited])
        return run([sys.executable, *arguments], self.folder, PYTHONPATH=paths)


def run(command: Sequence[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def checked(command: Sequence[str], folder: Path) -> str:
    done = run(command, folder)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def source(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the package is built from, so that the build leaves no traces."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (repository / name).exists():
            shutil.copy2(repository / name, copy / name)
    for name in FOLDERS:
        shutil.copytree(repository / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.py[cod]"))
    return copy


@pytest.fixture(scope="module")
def archives(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, the wheel built from it, and the wheel built from the checkout."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation"]
    checked([*build, "--outdir", str(out / "sdist"), "."], source)
    checked([*build, "--wheel", "--outdir", str(out / "wheel"), "."], source)
    (archive,) = (out / "sdist").glob("*.tar.gz")
    (from_sdist,) = (out / "sdist").glob("*.whl")
    (direct,) = (out / "wheel").glob("*.whl")
    return {"archive": archive, "sdist": from_sdist, "wheel": direct}


@pytest.fixture(scope="module", params=["wheel", "sdist", "editable"])
def installed(request: pytest.FixtureRequest, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("elsewhere")
    if request.param == "editable":
        here = Installed(home=repository, python_path=(), folder=folder)
        if here.run("-c", "import mmbench").returncode:
            pytest.skip("mmbench is not installed in this environment (pip install -e .)")
        return here
    wheel = request.getfixturevalue("archives")[request.param]
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target)]
    checked([*pip, str(wheel)], folder)
    return Installed(home=target, python_path=(target,), folder=folder)


def package_files(source: Path) -> dict[str, str]:
    """Every file of the three packages as a wheel has it, to its place in the checkout."""
    return {
        path.relative_to(source / folder).as_posix(): path.relative_to(source).as_posix()
        for package, folder in ROOTS.items()
        for path in (source / folder / package).rglob("*")
        if path.is_file()
    }


def test_no_link_is_part_of_the_checkout(repository: Path) -> None:
    listed = run(["git", "ls-files", "--stage"], repository)
    if listed.returncode:
        pytest.skip("no git checkout")
    assert [line for line in listed.stdout.splitlines() if line.startswith("120000")] == []


def test_the_sdist_holds_real_files_and_nothing_twice(source: Path, archives: dict[str, Path]) -> None:
    with tarfile.open(archives["archive"]) as archive:
        members = archive.getmembers()
    assert all(member.isfile() or member.isdir() for member in members)
    names = {member.name.partition("/")[2] for member in members if member.isfile()}
    assert set(package_files(source).values()) <= names
    assert {"LICENSE", "README.md", "pyproject.toml"} <= names
    assert not {name for name in names if name.startswith("tests/")}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_a_wheel_holds_the_whole_package_and_no_other(source: Path, archives: dict[str, Path], kind: str) -> None:
    with zipfile.ZipFile(archives[kind]) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == set(package_files(source))
    assert "mmbench/py.typed" in names


def test_python_m_mmbench(installed: Installed) -> None:
    done = installed.run("-m", "mmbench", "--help")
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout


def test_the_console_script(installed: Installed) -> None:
    scripts = [path / "bin" / "mmbench" for path in installed.python_path] or [Path(sys.executable).parent / "mmbench"]
    done = installed.run(str(scripts[0]), "--help")
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout


def test_a_task_is_imported_from_the_installed_package(installed: Installed) -> None:
    done = installed.run("-c", "import mmbench_tasks.vqa.easy_vqa as m; print(m.__file__)")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed.home)


def test_every_entry_point_loads(installed: Installed) -> None:
    done = installed.run("-c", ENTRY_POINTS)
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.splitlines())
    assert {"mmbench.tasks vqa", "mmbench.tasks vqa/scenes", "mmbench.models random"} <= found
    assert {"mmbench.datasets vqa/easy-vqa", "mmbench.suites tiny", "mmbench.baselines mmbench"} <= found


def test_a_spawned_worker_unpickles_a_function_of_a_task(installed: Installed) -> None:
    script = installed.folder / "spawn.py"
    script.write_text(SPAWN, encoding="utf-8")
    done = installed.run(str(script))
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed.home)


def test_no_top_level_name_but_mmbench(installed: Installed) -> None:
    code = "import importlib.util as u; print([n for n in ('tasks', 'baselines', 'results') if u.find_spec(n)])"
    assert installed.run("-c", code).stdout.strip() == "[]"
