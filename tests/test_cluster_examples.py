"""The scripts for clusters: what can be run here is run, with stand-ins for Slurm and Ray; manifests and the Dockerfile are read."""

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((ROOT / "examples" / "slurm").glob("*.sbatch"))
STAND_INS = {
    "scontrol": "echo node1; echo node2; echo node3",
    "srun": """
        echo "srun $*" >> "$LOG"
        while [[ $1 == --* ]]; do shift; done
        [ "$1" = hostname ] && { echo "127.0.0.1 10.0.0.1"; exit; }
        exec "$@"
    """,
    "ray": """
        [[ $2 == --head ]] || exit 0
        exec "$PYTHON" -c "import socket, time; s = socket.create_server(('127.0.0.1', $RAY_PORT)); time.sleep(30)"
    """,
    "mmbench": """
        echo "mmbench $* mode=$RAY_AUTH_MODE token=${#RAY_AUTH_TOKEN}" >> "$LOG"
        trap 'echo told to end >> "$LOG"; exit 143' TERM
        for _ in $(seq "${LAST:-0}"); do sleep 0.1; done
        exit "${CODE:-0}"
    """,
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """The environment of a job on three nodes, with stand-ins for the commands of a cluster."""
    for name, body in STAND_INS.items():
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        command.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    own = {"LOG": str(tmp_path / "log"), "PYTHON": sys.executable, "RAY_PORT": str(free_port()), "PATH": path}
    return {**os.environ, **own, "SLURM_JOB_NODELIST": "node[1-3]"}


def end(job: subprocess.Popen[str]) -> None:
    """End what a job has left behind, as Slurm does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(job.pid, signal.SIGKILL)
    job.wait()


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    script = str(ROOT / "examples" / "slurm" / "ray.sbatch")
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.Popen(["bash", script, *arguments], env=environment, text=True, **pipes)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_for_slurm_are_bash(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    directives = [line for line in script.read_text(encoding="utf-8").splitlines() if line.startswith("#SBATCH")]
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", line) for line in directives)


@pytest.mark.slow
def test_the_job_starts_ray_on_all_nodes_and_runs_on_it(slurm: dict[str, str]) -> None:
    job = start({**slurm, "CODE": "4"}, "--model", "m", "--workers", "3")
    try:
        assert job.wait(timeout=60) == 4
    finally:
        end(job)
    log = Path(slurm["LOG"]).read_text(encoding="utf-8")
    address = f"127.0.0.1:{slurm['RAY_PORT']}"
    assert f"mmbench run --ray {address} --model m --workers 3 mode=token token=64" in log
    heads = [line for line in log.splitlines() if "ray start --head" in line]
    others = [line for line in log.splitlines() if f"ray start --address={address}" in line]
    assert len(heads) == len(others) == 1
    assert "--nodelist=node1" in heads[0]
    assert "--nodes=2 --ntasks=2 --exclude=node1" in others[0]
    assert start(slurm).wait(timeout=60) == 2


@pytest.mark.slow
def test_the_signal_before_the_end_of_the_job_reaches_the_run(slurm: dict[str, str]) -> None:
    job = start({**slurm, "LAST": "300"}, "--model", "m")
    log = Path(slurm["LOG"])
    try:
        for _ in range(300):
            if log.exists() and "mmbench run" in log.read_text(encoding="utf-8"):
                break
            with pytest.raises(subprocess.TimeoutExpired):
                job.wait(timeout=0.1)
        job.terminate()
        assert job.wait(timeout=60) == 143
    finally:
        end(job)
    assert "told to end" in log.read_text(encoding="utf-8")


def test_the_manifest_is_a_ray_job_of_one_version_of_ray() -> None:
    job = yaml.safe_load((ROOT / "examples" / "kubernetes" / "rayjob.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    pinned = re.search(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned is not None
    assert cluster["rayVersion"] == pinned[1]
    assert cluster["authOptions"] == {"mode": "token"}
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        (container,) = pod["containers"]
        assert container["image"] == "mmbench:latest"
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert container["resources"]["requests"] == container["resources"]["limits"]
    words = shlex.split(job["spec"]["entrypoint"])
    workers, gpus = (int(words[words.index(option) + 1]) for option in ("--workers", "--gpus-per-worker"))
    (group,) = cluster["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    assert group["maxReplicas"] * int(container["resources"]["limits"]["nvidia.com/gpu"]) >= workers * gpus


def test_the_command_of_the_manifest_has_options_that_there_are() -> None:
    from mmbench.resolve.options import OPTIONS

    job = yaml.safe_load((ROOT / "examples" / "kubernetes" / "rayjob.yaml").read_text(encoding="utf-8"))
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:2] == ["mmbench", "run"]
    assert {word.removeprefix("--") for word in words if word.startswith("--")} <= set(OPTIONS)


def test_the_dockerfile_installs_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "CMD"}
    assert lines[0][0] == "FROM"
    assert {instruction for instruction, _ in lines} <= known
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.search(r'"\.\[([a-z,]+)\]"', joined)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for needed in ("constraints.txt", "pyproject.toml", "README.md", "mmbench", "tasks", "baselines"):
        assert (ROOT / needed).exists()
        assert needed not in ignored
    for instruction, arguments in lines:
        if instruction == "RUN":
            assert subprocess.run(["bash", "-n", "-c", arguments], check=False).returncode == 0
