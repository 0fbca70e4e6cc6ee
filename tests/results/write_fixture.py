"""Write the fixture of today's schema version: ``python tests/results/write_fixture.py``.

Models and tasks are those of the version before it, or what was made of them in this version's own folder. A fixture is replaced only before the version has been released.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mmbench.results.codec import seal
from mmbench.results.schema import SCHEMA_VERSION

FIXTURES = Path(__file__).parent / "fixtures"
NEW, OLD = f"v{SCHEMA_VERSION}", f"v{SCHEMA_VERSION - 1}"


def main() -> None:
    """Run the four models in a folder outside any repository, and keep what they wrote without the folder's name."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / NEW / "source"
        source.mkdir(parents=True)
        version = NEW if (FIXTURES / NEW / "source").is_dir() else OLD
        for file in (FIXTURES / version / "source").glob("*.py"):
            text = re.sub(
                rf"\b(schema version|version) {SCHEMA_VERSION - 1}\b", rf"\1 {SCHEMA_VERSION}", file.read_text()
            )
            (source / file.name.replace(OLD, NEW)).write_text(text.replace(OLD, NEW), encoding="utf-8")
        for file in (
            file for ending in ("tsv", "jsonl") for file in (FIXTURES / version / "source").glob(f"*.{ending}")
        ):
            shutil.copy(file, source)
        model, words = f"tiny_{NEW}_model.py", f"tiny_{NEW}_task.py:words"
        both = f"{words},tiny_{NEW}_task.py:vectors"
        chooses = ["--model", f"{model}:Chooses", "--model-args", "bias=1", "--tasks", both, "--skip-incompatible"]
        chooses += ["--cache", "../../cache"]
        run(source, "../../asked", *chooses)
        run(source, "../runs", *chooses)
        run(source, "../runs", "--model", f"{model}:Writes", "--tasks", both)
        run(source, "../runs", "--model", f"{model}:Learns", "--tasks", words)
        run(source, "../runs", "--model", f"{model}:Learns", "--tasks", words, "--max-errors", "9")  # a second command
        vectors = f"tiny_{NEW}_task.py:vectors"
        run(source, "../runs", "--model", f"{model}:Several", "--tasks", vectors, "--workers", "2")
        learns = ["--model", f"{model}:Learns", "--tasks", words]
        for shard in ("1/2", "2/2"):
            run(source, "../shards", *learns, "--shard", shard)
        (first, second) = sorted(path.name for path in Path(scratch, NEW, "shards").iterdir())
        command = [sys.executable, "-m", "mmbench", "merge", f"../shards/{first}", f"../shards/{second}"]
        subprocess.run([*command, "--allow", "foreign-source,weights"], cwd=source, check=False)
        for arguments in (["lm-eval", "samples_tiny.jsonl", "--model", "tiny"], ["vlmevalkit", "Tiny_WORDS.tsv"]):
            command = [sys.executable, "-m", "mmbench", "import", *arguments, "--out", "../imported"]
            subprocess.run(command, cwd=source, check=False)
        for file in (
            file for kept in ("runs", "shards", "imported") for file in Path(scratch, NEW, kept).rglob("*.json")
        ):
            text = file.read_text(encoding="utf-8").replace(f"{source.resolve()}/", "")
            text = text.replace(f"{Path(scratch).resolve()}/", "")
            document = json.loads(text)
            if document.get("digest"):  # of what the file says without the folder's name
                text = text.replace(document["digest"], seal(document))
            file.write_text(text, encoding="utf-8")
        for leftover in (*source.rglob("__pycache__"), source / "results"):
            shutil.rmtree(leftover, ignore_errors=True)
        for lock in Path(scratch, NEW).rglob(".lock"):
            lock.unlink()
        shutil.rmtree(FIXTURES / NEW, ignore_errors=True)
        shutil.copytree(Path(scratch, NEW), FIXTURES / NEW)


def run(folder: Path, out: str, *arguments: str) -> None:
    """One run of a few samples in batches of two; that some fail is what the fixture is for."""
    command = [sys.executable, "-m", "mmbench", "run", "--out", out, "--batch-size", "2", *arguments]
    subprocess.run(command, cwd=folder, check=False)


if __name__ == "__main__":
    main()
