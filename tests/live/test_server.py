"""The live page: to loopback and the token alone, nothing but what it shows, and what runs have become meanwhile."""

import gzip
import http.client
import json
import socket
import threading

import pytest
from answered import answered, asked, log, plain_image
from boards import entry
from stored import TASK, score_table, write_run

from mmbench.analysis.side_by_side import Asked
from mmbench.api.view import view
from mmbench.core.errors import UsageError
from mmbench.live import snapshot
from mmbench.live.server import Server
from mmbench.live.snapshot import Follower
from mmbench.results.schema import ResponseLine

QUESTIONS = {"a": "Is it red?", "b": "Is it blue?"}


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server of one run, whose samples have images."""
    images = {"a": plain_image((255, 0, 0), (400, 300)), "b": plain_image((0, 0, 255), (400, 300))}
    monkeypatch.setattr(snapshot, "asked_of", lambda *_, **__: asked(QUESTIONS, images))
    answered(tmp_path, "m", {"a": {"output": "yes", "score": 1.0}, "b": {"output": "no"}})
    notes: list[str] = []
    server = Server(0, "Runs <b>")
    server.follower = Follower(tmp_path, foreign=False, note=notes.append)
    server.folder, server.notes = tmp_path, notes
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def get(server, path, method="GET", **headers):
    """Status, headers and body of an answer; the path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def state(server):
    return json.loads(get(server, f"/{server.token}/state")[2])


def samples(server):
    now = state(server)
    status, headers, body = get(server, f"/{server.token}/samples/{now['stamp']}/0/0")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    return json.loads(gzip.decompress(body))


def test_the_page_may_fetch_from_its_server_alone(served):
    status, headers, body = get(served, f"/{served.token}/")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = body.decode().partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert "default-src &#39;none&#39;" in policy or "default-src 'none'" in policy
    assert "connect-src" in policy
    assert b"<title>Runs &lt;b&gt;</title>" in body


@pytest.mark.parametrize(
    "path",
    ["/", "/state", "/wrong/", "/wrong/state", "/{token}", "/%7Btoken%7D/state", "/{token}x/state", ""],
)
def test_nothing_is_answered_without_the_token(served, path):
    status, _, body = get(served, path.format(token=served.token) or "*")
    assert status == 403
    assert served.token.encode() not in body


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost:{port}"])
def test_a_tunnel_may_have_another_port(served, host):
    assert get(served, f"/{served.token}/state", Host=host.format(port=served.port))[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "", "[::1]:{port}", "x@127.0.0.1:{port}"],
)
def test_another_host_is_refused(served, host):
    status, _, body = get(served, f"/{served.token}/", Host=host.format(port=served.port))
    assert status == 403
    assert b"<html" not in body


@pytest.mark.parametrize(
    "path",
    [
        "../../../etc/passwd",
        "image/../../../etc/passwd",
        "image/%2e%2e%2fetc%2fpasswd",
        "image/",
        "image",
        "image/a/b",
        "image//etc/passwd",
        "samples/x/0/0",
        "samples/{stamp}/-1/0",
        "samples/{stamp}/0/-1",
        "samples/{stamp}/0/1",
        "samples/{stamp}/9/0",
        "samples/{stamp}/0",
        "samples/{stamp}/0/0/0",
        "samples/{stamp}/0/99999999999999999999",
        "run.json",
        "__class__",
        "state/x",
    ],
)
def test_there_is_nothing_but_what_the_page_shows(served, path):
    stamp = state(served)["stamp"]
    wanted = f"/{served.token}/{path.format(stamp=stamp)}"
    status, _, body = get(served, wanted)
    assert status == 404
    assert b"root:" not in body


def test_only_reading_is_possible(served):
    assert get(served, f"/{served.token}/", "POST")[0] == 501
    assert get(served, f"/{served.token}/", "HEAD")[::2] == (200, b"")
    assert served.server_address[0] == "127.0.0.1"


def test_images_come_whole_and_small_once_their_samples_were_fetched(served):
    name = samples(served)["listed_images"][0]["name"]
    status, headers, whole = get(served, f"/{served.token}/image/{name}")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    status, headers, small = get(served, f"/{served.token}/thumbnail/{name}")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert whole.startswith(b"\x89PNG")
    assert small.startswith(b"\xff\xd8")


def test_what_fails_in_an_unforeseen_way_is_said_and_not_taken_for_nothing(served, monkeypatch):
    monkeypatch.setattr(snapshot.Snapshot, "state", lambda _: "\ud800".encode())
    status, _, body = get(served, f"/{served.token}/state")
    assert status == 500
    assert b"UnicodeEncodeError" in body


def test_a_run_that_goes_on_is_read_again(served):
    before = state(served)
    run = next(served.folder.iterdir())
    entry(run, TASK, scoring=None, status="pending", n_samples=3)
    log(run, [ResponseLine(id=f"{TASK}/c/0", status="ok", output="perhaps")])
    after = state(served)
    assert served.notes == []
    assert after["stamp"] != before["stamp"]
    assert after["tasks"][0]["about"]["samples"] == 3
    assert get(served, f"/{served.token}/samples/{before['stamp']}/0/0")[0] == 404
    document = samples(served)
    assert document["ids"] == ["a", "b", "c"]
    assert "perhaps" in document["texts"]


def test_only_the_runs_that_have_changed_are_read_again(served, monkeypatch):
    read = []
    load_run = snapshot.load_run
    monkeypatch.setattr(snapshot, "load_run", lambda path: read.append(path.name) or load_run(path))
    state(served)
    assert read == []
    other = answered(served.folder, "other", {"a": {"output": "yes"}})
    assert state(served)["tasks"][0]["about"]["runs"] == ["m", "other"]
    assert set(read) == {other.name}
    (run,) = set(served.folder.iterdir()) - {other}
    log(run, [ResponseLine(id=f"{TASK}/c/0", status="ok", output="perhaps")])
    read.clear()
    state(served)
    assert set(read) == {run.name}


def test_others_are_answered_while_runs_are_read(served, monkeypatch):
    document = samples(served)
    reading, go_on = threading.Event(), threading.Event()
    make_report = snapshot.make_report

    def slow(*args, **kwargs):
        reading.set()
        assert go_on.wait(20)
        return make_report(*args, **kwargs)

    monkeypatch.setattr(snapshot, "make_report", slow)
    answered(served.folder, "other", {"a": {"output": "yes"}})
    first = threading.Thread(target=state, args=(served,))
    first.start()
    try:
        assert reading.wait(20)
        assert state(served)["tasks"][0]["about"]["runs"] == ["m"]
        assert get(served, f"/{served.token}/")[0] == 200
        assert samples(served) == document
        assert get(served, f"/{served.token}/thumbnail/{document['listed_images'][0]['name']}")[0] == 200
    finally:
        go_on.set()
        first.join()
    assert state(served)["tasks"][0]["about"]["runs"] == ["m", "other"]


def test_runs_on_the_same_data_with_another_prompt_show_what_each_was_asked(tmp_path, monkeypatch):
    for prompt in ("short", "long"):
        write_run(tmp_path, prompt, {TASK: [score_table([1.0])]}, prompt=prompt)
    monkeypatch.setattr(snapshot, "asked_of", lambda result, **_: Asked(note=result.stated_key["prompt"]))
    notes = {task.entrants[0].label: task.asked.note for task in Follower(tmp_path, foreign=False).now.tasks}
    assert notes == {"short": "short", "long": "long"}


def test_a_run_that_cannot_be_read_is_left_out_and_said(served):
    other = answered(served.folder, "other", {"a": {"output": "yes"}})
    (other / "run.json").write_text("{", encoding="utf-8")
    after = state(served)
    assert len(after["notes"]) == 1
    assert after["tasks"][0]["about"]["runs"] == ["m"]
    assert served.notes == after["notes"]


def test_a_run_with_a_damaged_file_is_left_out_too(served):
    other = answered(served.folder, "other", {"a": {"output": "yes"}})
    (plan,) = other.glob("tasks/*/plan.json")
    plan.write_text("{", encoding="utf-8")
    after = state(served)
    assert after["tasks"][0]["about"]["runs"] == ["m"]
    assert served.notes == after["notes"]
    assert len(served.notes) == 1


def test_the_last_state_stays_when_all_runs_are_gone(served):
    before = state(served)
    for path in served.folder.glob("*/run.json"):
        path.unlink()
    assert state(served)["stamp"] == before["stamp"]
    assert len(served.notes) == 1


def test_what_cannot_be_served_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError):
        view(tmp_path / "absent")
    with pytest.raises(UsageError):
        view(tmp_path)


def test_a_port_that_is_taken_is_found_before_runs_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("mmbench.live.snapshot.Follower", lambda *_, **__: pytest.fail("runs were read"))
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError):
        view(tmp_path, port=taken.getsockname()[1])


def test_control_c_ends_it_and_frees_the_port(tmp_path):
    answered(tmp_path, "m", {"a": {"output": "yes"}})
    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        raise KeyboardInterrupt

    view(tmp_path, ready=ready)
    port = int(urls[0].split(":")[2].split("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        pass
