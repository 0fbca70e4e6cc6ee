"""Packages that are older than mmbench declares are named before anything is loaded."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from mmbench.cli import doctor
from mmbench.core import UsageError
from mmbench.perf.requirements import bounds, check_not_too_old, release, too_old

ROOT = Path(__file__).resolve().parents[2]


def install(folder: Path, package: str, version: str) -> None:
    """Put the metadata of an installed package into a folder."""
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")


def test_bounds_are_those_of_the_project() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    declared = {bound.package: bound for bound in bounds()}
    assert f"transformers>={declared['transformers'].version}" in extras["models"]
    assert f"peft>={declared['peft'].version}" in extras["peft"]
    assert declared["numpy"].extra == ""
    assert "pytest" not in declared


@pytest.mark.parametrize(
    ("version", "old"), [("4.51.3", True), ("4.55.4", True), ("4.56.0", False), ("4.56.0.dev0", False), ("5.23", False)]
)
def test_a_release_below_the_bound_is_found(
    version: str, old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "transformers", version)
    monkeypatch.syspath_prepend(tmp_path)
    assert [(each.bound.package, each.installed) for each in too_old(["transformers"])] == (
        [("transformers", version)] if old else []
    )


def test_a_package_that_is_not_installed_is_not_too_old() -> None:
    assert not too_old(["vllm"])


def test_a_checkpoint_is_not_loaded_by_a_release_that_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "transformers", "4.51.3")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"transformers 4\.51\.3 .*4\.56 .*pip install -U") as caught:
        check_not_too_old(str(tmp_path), ("torch", "transformers"))
    assert caught.value.exit_code == 2


def test_doctor_names_what_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "transformers", "4.51.3")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "_broken_plugins", list)  # importing them all takes its time
    ended = CliRunner().invoke(doctor.command, ["--out", str(tmp_path)], standalone_mode=False)
    assert ended.return_value == 2
    assert "transformers 4.51.3 is installed" in ended.output


def test_versions_are_compared_as_numbers() -> None:
    assert release("4.9") < release("4.56") < release("4.56.1") < release("5.0.0rc1")
    assert release("2.0") == release("2")
