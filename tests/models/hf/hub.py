"""A hub of checkpoints on this machine, and its cache on disk, as huggingface_hub lays it out."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "c0ffee" + "0" * 34


def cached(home: Path, name: str, checkpoint: Path, commit: str = COMMIT, refs: tuple[str, ...] = ("main",)) -> Path:
    """Put a checkpoint into the cache below ``HF_HOME`` under this commit; the folder that holds its files."""
    repository = home / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir(exist_ok=True)
    (repository / "refs").mkdir(exist_ok=True)
    for file in checkpoint.iterdir():
        blob = repository / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copy(file, blob)
        (snapshot / file.name).symlink_to(Path("../../blobs") / blob.name)
    for ref in refs:
        (repository / "refs" / ref).write_text(commit)
    return snapshot


@dataclass
class Hub:
    """Serves the files of one checkpoint as ``somebody/something``; `refusals`: path prefix to (status, error code)."""

    folder: Path
    refusals: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: bool = False
    """Accept connections and answer nothing."""
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    done: threading.Event

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.partition("?")[0]
        hub.asked.append(path)
        if hub.silent:
            self.done.wait(60)
            return
        for prefix, (status, code) in hub.refusals.items():
            if path.startswith(prefix):
                self.reply(status, b"{}", {"X-Error-Code": code, "X-Error-Message": f"{code} says no"})
                return
        kind, _, name = path.rpartition("/")
        file = hub.folder / name
        if path.endswith("/tree/main/additional_chat_templates"):
            self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
        elif path.startswith("/api/models/somebody/something/tree/"):
            files = [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": "0" * 40}
                for f in hub.folder.iterdir()
            ]
            self.reply(200, json.dumps(files).encode(), {})
        elif path.startswith("/api/models/somebody/something"):
            listed = [{"rfilename": f.name} for f in hub.folder.iterdir()]
            document = {"id": "somebody/something", "sha": COMMIT, "siblings": listed}
            self.reply(200, json.dumps(document).encode(), {})
        elif kind.startswith("/somebody/something/resolve") and file.is_file():
            data = file.read_bytes()
            self.reply(200, data, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT})
        elif kind.startswith("/somebody/something/resolve"):
            self.reply(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        else:
            self.reply(404, b"", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815 - the name that the base class looks for

    def reply(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub, on a free port of 127.0.0.1, for as long as the block."""
    done = threading.Event()
    handler = type("Handler", (_Handler,), {"hub": hub, "done": done})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        done.set()
        server.shutdown()
        thread.join()
        server.server_close()
