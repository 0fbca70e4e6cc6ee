"""The real libraries, offline, in an environment of their own: see ``.ci/trackers``. What they wrote is read back by themselves."""

import json
import os
import socket
import subprocess
import threading

import pytest
from helpers import write_questions

import mmbench as package

pytestmark = pytest.mark.elsewhere

MODEL = """
import mmbench

class Model:
    info = {"digest": "learner"}

    def fit(self, task, train, val, context):
        for step in range(1, 101):
            context.report(mmbench.FitProgress(step, 100, 1 / step, ("accuracy", step // 50 / 2)))

    def generate(self, requests):
        return ["red" for request in requests]
"""

READ = {
    "tensorboard": """
import json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from pathlib import Path
(folder,) = Path("results/tensorboard").iterdir()
read = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()
scalars = {tag: [(each.step, each.value) for each in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
tensors = {tag: [each.tensor_proto.string_val for each in read.Tensors(tag)] for tag in read.Tags()["tensors"]}
images = {tag: len(found) for tag, found in tensors.items() if found[0][-1][:4] == b"\\x89PNG"}
plugins = {tag: read.SummaryMetadata(tag).plugin_data.plugin_name for tag in tensors}
print(json.dumps({
    "values": {tag: found[-1][1] for tag, found in scalars.items()},
    "curve": scalars["training/vqa/mine/loss"], "images": sum(images.values()), "runs": 1,
    "plugins": sorted(set(plugins.values())), "config": tensors["config"][0][0].decode(),
}))
""",
    "mlflow": """
import json
from mlflow.tracking import MlflowClient
client = MlflowClient("file:mlruns")
runs = client.search_runs([client.get_experiment_by_name("mmbench").experiment_id])
run = runs[0]
curve = [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, "training/vqa/mine/loss")]
table = json.load(open(client.download_artifacts(run.info.run_id, "samples/vqa__mine.json")))
place = table["columns"].index("image 1")
print(json.dumps({
    "values": run.data.metrics, "curve": curve, "runs": len(runs), "config": run.data.params["identity"],
    "images": sum(row[place]["type"] == "image" for row in table["data"]), "status": run.info.status,
}))
""",
    "wandb": """
import json
from pathlib import Path
from wandb.proto.wandb_internal_pb2 import Record

def records(data):
    # Records of LevelDB's log format: blocks of 32 KiB; checksum, length and kind before each piece.
    place, whole = 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # the whole, or the last piece
            yield whole
            whole = b""

values, curve, ids, images, config = {}, [], set(), set(), ""
for path in Path("wandb").glob("offline-run-*/*.wandb"):
    for data in records(path.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        images |= {each.path for each in record.artifact.manifest.contents if each.path.endswith(".png")}
        if record.run.run_id:
            ids.add(record.run.run_id)
            config += str(record.run.config)
        logged = {".".join([each.key] if each.key else each.nested_key): each.value_json for each in record.history.item}
        logged = {name: json.loads(value) for name, value in logged.items()}
        values |= {name: each for name, each in logged.items() if isinstance(each, (int, float))}
        if "training/vqa/mine/loss" in logged:
            curve.append((logged["training/vqa/mine/step"], logged["training/vqa/mine/loss"]))
print(json.dumps({"values": values, "curve": curve, "runs": len(ids), "images": len(images), "config": config}))
""",
}


@pytest.fixture(scope="module")
def python():
    if not (found := os.environ.get("MMBENCH_TEST_TRACKERS")):
        pytest.skip("needs the trackers' libraries: .ci/trackers")
    return found


@pytest.fixture
def proxy():
    """Counts whoever wants to leave this machine."""
    server = socket.create_server(("127.0.0.1", 0))
    callers = []

    def listen():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            callers.append(connection.recv(200))
            connection.close()

    threading.Thread(target=listen, daemon=True).start()
    yield server.getsockname()[1], callers
    server.close()


def call(python, folder, *words, port=9, **variables):
    """``mmbench`` in the other environment, with every way out leading to a port of this machine."""
    outside = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), f"http://127.0.0.1:{port}")
    own = {"WANDB_MODE": "offline", "MLFLOW_ALLOW_FILE_STORE": "true", "HOME": str(folder)}
    environment = {**os.environ, **outside, **own, **variables}
    return subprocess.run(
        [python, "-m", "mmbench", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_libraries_keep_what_they_were_sent(python, proxy, tmp_path):
    port, callers = proxy
    rows = [json.loads(line) for line in write_questions(tmp_path, 8).read_text().splitlines()]
    data = tmp_path / "mine.json"
    data.write_text(json.dumps({"train": rows[:2], "test": rows[2:]}))
    (tmp_path / "learner.py").write_text(MODEL)
    run = ["run", "--model", "learner", "--tasks", "vqa/mine", "--data", f"vqa/mine={data}", "--quiet"]
    tracked = ["--track", "wandb,tensorboard,mlflow", "--tracker-args", "uri=file:mlruns", "--track-wait", "120"]
    done = call(python, tmp_path, *run, *tracked, port=port)
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = (tmp_path / "results" / "runs").iterdir()
    again = call(python, tmp_path, "track", str(path), "--to", "wandb,tensorboard,mlflow", *tracked[2:4], port=port)
    assert again.returncode == 0, again.stderr
    stored = package.load_run(path)
    (accuracy,) = [row.metric for row in stored.rows() if row.id == "accuracy"]
    environment = {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"}
    for name, code in READ.items():
        read = subprocess.run(
            [python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert read.returncode == 0, read.stderr
        found = json.loads(read.stdout)
        expected = {"": accuracy.value, "_low": accuracy.low, "_high": accuracy.high, "_n": 6, "_share_failed": 0}
        for end, value in expected.items():
            assert found["values"][f"vqa/mine/accuracy{end}"] == pytest.approx(value, rel=1e-6), (name, end)
        assert [step for step, _ in found["curve"]] == list(range(1, 101)), name
        assert found["curve"][-1][1] == pytest.approx(0.01), name
        assert found["images"] >= 6, name
        assert found["runs"] == 1, name
        assert stored.record.identity in found["config"], name
    assert callers == []


def test_a_tracker_without_credentials_fails_no_run(python, tmp_path):
    data = write_questions(tmp_path, 4)
    words = ["run", "--model", "random", "--tasks", "vqa", "--data", str(data), "--track", "wandb"]
    done = call(python, tmp_path, *words, WANDB_MODE="online", WANDB_API_KEY="")
    assert done.returncode == 0
    assert done.stderr.count("mmbench track") == 1
    assert call(python, tmp_path, "track", "random", "--to", "wandb", WANDB_MODE="online").returncode == 4


def test_mlflow_without_a_server_is_refused_before_anything_is_asked(python, tmp_path):
    data = write_questions(tmp_path, 4)
    words = ["run", "--model", "random", "--tasks", "vqa", "--data", str(data), "--track", "mlflow"]
    done = call(python, tmp_path, *words, MLFLOW_TRACKING_URI="")
    assert done.returncode == 2
    assert not (tmp_path / "results").exists()
