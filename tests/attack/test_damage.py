"""Files of a run that are damaged: found by every command that reads them, named, and rebuilt from what is left."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import Ended, edit_json, lines, log_of, only_run, scores_of, write_captions, write_model, write_questions

from mmbench.results.codec import seal

ANSWERS = """
    import hashlib

    class Says:
        def generate(self, requests):
            return ["red" if hashlib.md5(r.text.encode()).digest()[0] % 3 else "blue" for r in requests]

    class Embeds:
        def embed(self, requests):
            import numpy as np
            made = []
            for request in requests:
                key = request.text.encode() if request.text else request.images[0].digest.encode()
                rng = np.random.default_rng(int.from_bytes(hashlib.md5(key).digest()[:8], "big"))
                made.append(rng.standard_normal(16).astype("float32"))
            return np.stack(made)
"""
RUN = ("run", "-m", "mymodel.py:Says", "-t", "vqa", "--data", "mine.jsonl", "--batch-size", "4")
EMBED = ("run", "-m", "mymodel.py:Embeds", "-t", "retrieval", "--data", "captions.jsonl", "--batch-size", "4")


@pytest.fixture
def whole(call: Callable[..., Ended], tmp_path: Path) -> Path:
    """A run of twelve questions, and a copy of it called ``other`` to compare with."""
    write_questions(tmp_path, 12)
    write_model(tmp_path, ANSWERS)
    assert call(*RUN).code == 0
    run = only_run(tmp_path / "results" / "runs")
    shutil.copytree(run, tmp_path / "other")
    return run


def flip(path: Path, place: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(bytes(data))


def readers(run: Path, tmp_path: Path) -> list[list[str | Path]]:
    other = tmp_path / "other"
    return [
        ["show", run],
        ["show", run, "--md"],
        ["show", run, "--sample", "q1"],
        ["compare", run, other],
        ["compare", other, run, "--flips", "3"],
        ["gate", run, "--baseline", other],
        ["report", run, other],
        ["report", run, other, "--leaderboard"],
        ["baseline", "save", run, tmp_path / "saved.json"],
    ]


def scores(run: Path, ending: str) -> Path:
    return next(run.glob(f"tasks/*/scores/*.{ending}"))


def raised_values(run: Path) -> None:
    def change(document: dict) -> None:  # type: ignore[type-arg]
        for metric in document["metrics"]:
            metric["value"] = metric["high"] = 0.99

    edit_json(scores(run, "json"), change)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "values are raised": raised_values,
    "a bit of the values": lambda run: flip(scores(run, "json"), 700),
    "values are empty": lambda run: os.truncate(scores(run, "json"), 0),
    "values are gone": lambda run: scores(run, "json").unlink(),
    "a bit of the tables": lambda run: flip(scores(run, "npz"), 300),
    "tables are cut": lambda run: os.truncate(scores(run, "npz"), 100),
    "tables are gone": lambda run: scores(run, "npz").unlink(),
    "all scores are gone": lambda run: shutil.rmtree(scores(run, "npz").parent),
    "a file in place of scores": lambda run: (shutil.rmtree(scores(run, "npz").parent), next(run.glob("tasks/*")).joinpath("scores").touch()),
    "a FIFO in place of values": lambda run: (path := scores(run, "json")).unlink() or os.mkfifo(path),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("mend", ["repair", "run"])
def test_damaged_scores_are_found_by_all_and_made_again(
    mend: str, damage: str, whole: Path, call: Callable[..., Ended], tmp_path: Path
) -> None:
    before = scores_of(whole)
    DAMAGES[damage](whole)
    for command in readers(whole, tmp_path) if mend == "repair" else [["show", whole]]:
        call(*command).refused(3, "mmbench repair")
    ended = call("repair", whole) if mend == "repair" else call(*RUN)
    assert ended.code == 0, ended.err
    assert "made again" in ended.out + ended.err
    assert scores_of(whole) == before
    assert call("compare", whole, tmp_path / "other").code == 0
    assert len(lines(whole)) == 12, "nothing was asked again"


RECORDS: dict[str, Callable[[Path], object]] = {
    "a bit of the plan": lambda run: flip(next(run.glob("tasks/*/plan.json")), 300),
    "the plan is empty": lambda run: os.truncate(next(run.glob("tasks/*/plan.json")), 0),
    "the plan is gone": lambda run: next(run.glob("tasks/*/plan.json")).unlink(),
    "a number of the plan": lambda run: (p := next(run.glob("tasks/*/plan.json"))).write_bytes(
        p.read_bytes().replace(b'"n_samples":12', b'"n_samples":13')
    ),
    "perf is empty": lambda run: os.truncate(run / "perf.json", 0),
    "a digit of perf": lambda run: (p := run / "perf.json").write_bytes(
        p.read_bytes().replace(b'"n_samples": 8', b'"n_samples": 9')
    ),
    "perf is a folder": lambda run: ((run / "perf.json").unlink(), (run / "perf.json").mkdir()),
}


@pytest.mark.parametrize("damage", RECORDS)
@pytest.mark.parametrize("mend", ["repair", "run"])
def test_damaged_records_block_nothing_for_ever(
    mend: str, damage: str, whole: Path, call: Callable[..., Ended], tmp_path: Path
) -> None:
    before = scores_of(whole)
    RECORDS[damage](whole)
    if "gone" not in damage:
        call("compare", whole, tmp_path / "other").refused(3, "mmbench repair")
    ended = call("repair", whole) if mend == "repair" else call(*RUN)
    assert ended.code == 0, ended.err
    assert scores_of(whole) == before
    assert call("compare", whole, tmp_path / "other").code == 0
    assert len(lines(whole)) == 12, "nothing was asked again"


def test_a_flipped_letter_of_an_answer_is_found_set_aside_and_asked_again(
    whole: Path, call: Callable[..., Ended], tmp_path: Path
) -> None:
    before, log = scores_of(whole), log_of(whole)
    raw = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*raw[:3], raw[3].replace(b'"red"', b'"rec"').replace(b'"blue"', b'"clue"'), *raw[4:]]))
    for command in (RUN, ("show", whole, "--sample", "q3"), ("rescore", whole)):
        call(*command).refused(3, "line 4", "mmbench repair")
    assert call("show", whole).code == 0, "the scores are not of that line alone, and whole"
    mended = call("repair", whole, "--json")
    assert mended.code == 0
    assert len(mended.document()["done"]) == 1
    assert len(log.read_bytes().splitlines()) == 11
    assert (log.parent / "responses.jsonl.damaged").read_bytes().count(b"\n") == 1
    assert call(*RUN).code == 0
    assert scores_of(whole) == before
    assert call("repair", whole).out.strip().endswith("nothing is damaged")


@pytest.mark.slow
def test_no_single_flipped_bit_of_a_log_is_believed(whole: Path) -> None:
    log = log_of(whole)
    raw, kept = log.read_bytes(), lines(whole)
    draw = random.Random(5)
    for place in draw.sample(range(len(raw)), 250):
        flip(log, place, draw.randrange(8))
        try:
            found = lines(whole)
        except Exception as error:  # noqa: BLE001 - its kind is what is tested
            assert type(error).__name__ == "DamagedFileError"  # noqa: PT017
        else:
            assert found == kept[: len(found)]
            assert len(found) >= 11, "at most the torn last line is lost"
        log.write_bytes(raw)


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_what_stands_in_the_place_of_a_log_is_refused(
    kind: str, whole: Path, call: Callable[..., Ended], tmp_path: Path
) -> None:
    log, elsewhere = log_of(whole), tmp_path / "elsewhere.txt"
    elsewhere.write_text("private\n", encoding="utf-8")
    log.unlink()
    {"link": lambda: log.symlink_to(elsewhere), "fifo": lambda: os.mkfifo(log), "folder": log.mkdir}[kind]()
    for command in (RUN, ("show", whole, "--sample", "q3"), ("rescore", whole)):
        call(*command).refused(3, "regular file")
    assert elsewhere.read_text(encoding="utf-8") == "private\n"


def test_zeros_at_the_end_of_a_log_are_what_a_power_cut_leaves(whole: Path, call: Callable[..., Ended]) -> None:
    before, log = scores_of(whole), log_of(whole)
    size = log.stat().st_size
    for end in (b"", b"\n"):
        os.truncate(log, size - 400)
        os.truncate(log, size)
        with log.open("ab") as file:
            file.write(end)
        assert len(lines(whole)) < 12
        assert call(*RUN).code == 0
        assert scores_of(whole) == before
        assert len(lines(whole)) == 12


def test_run_json_that_does_not_match_is_refused_and_repaired_with_a_word(
    whole: Path, call: Callable[..., Ended], tmp_path: Path
) -> None:
    path = whole / "run.json"
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed": 1', 1))
    for command in (RUN, *readers(whole, tmp_path)):
        call(*command).refused(3, "digest", "mmbench repair")
    mended = call("repair", whole)
    assert mended.code == 0, mended.err
    assert "check it" in mended.out
    assert (whole / "run.json.damaged").is_file()
    assert call("show", whole).code == 0


def test_an_entry_under_the_name_of_another_task_is_refused_by_all(
    whole: Path, call: Callable[..., Ended], tmp_path: Path
) -> None:
    """Its digest is right: somebody wrote it on purpose."""
    edit_json(whole / "run.json", lambda run: run["tasks"]["vqa/mine"].update(name="../../elsewhere"))
    for command in readers(whole, tmp_path):
        call(*command).refused(3, "run.json")


def test_run_json_that_cannot_be_read_is_made_by_the_command_of_the_run(
    whole: Path, call: Callable[..., Ended]
) -> None:
    before = scores_of(whole)
    os.truncate(whole / "run.json", 20)
    call(*RUN).refused(3, "mmbench repair")
    call("repair", whole).refused(3, "mmbench run")
    assert call(*RUN).code == 0
    assert scores_of(whole) == before
    assert len(lines(whole)) == 12


def test_runs_of_versions_without_checksums_are_read(whole: Path, call: Callable[..., Ended]) -> None:
    """Their records have no digests; an edited score is found by its name all the same."""
    for path in (whole / "run.json", next(whole.glob("tasks/*/plan.json")), whole / "perf.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({k: v for k, v in document.items() if k != "digest"} | {"schema_version": 7}))
    log = log_of(whole)
    log.write_text("".join(f"{json.dumps(without_crc(line))}\n" for line in log.read_text().splitlines()))
    assert call("show", whole).code == 0
    assert call(*RUN).code == 0
    assert len(lines(whole)) == 12
    raised_values(whole)
    call("show", whole).refused(3, "mmbench repair")


def without_crc(line: str) -> dict[str, object]:
    document = json.loads(line)
    assert isinstance(document.pop("crc"), int)
    return document  # type: ignore[no-any-return]


# --- embeddings ---


@pytest.fixture
def embedded(call: Callable[..., Ended], tmp_path: Path) -> Path:
    write_captions(tmp_path, 6)
    write_model(tmp_path, ANSWERS)
    assert call(*EMBED).code == 0
    return only_run(tmp_path / "results" / "runs")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: flip(path, 64 + 16 * 4 * 3 + 5),
        lambda path: flip(path, 3),
        lambda path: flip(path, 8),
        lambda path: os.truncate(path, 500),
        lambda path: os.truncate(path, 0),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:200] + np.full(16, np.nan, "<f4").tobytes() + path.read_bytes()[264:]),
    ],
    ids=["a bit", "the magic", "the width", "cut", "empty", "gone", "not a number"],
)  # fmt: skip
def test_damaged_embeddings_are_found_and_asked_again(
    damage: Callable[[Path], object], embedded: Path, call: Callable[..., Ended]
) -> None:
    before = scores_of(embedded)
    damage(next(embedded.glob("tasks/*/embeddings.bin")))
    call("rescore", embedded).refused(3, "embeddings.bin", "mmbench repair")
    shutil.rmtree(next(embedded.glob("tasks/*/scores")))  # so that the log is read again
    assert "mmbench repair" in call(*EMBED).err
    call("repair", embedded)
    ended = call(*EMBED)
    assert ended.code == 0, ended.err
    assert {Path(name).name: data for name, data in scores_of(embedded).items()} == {
        Path(name).name: data for name, data in before.items()
    }


def test_a_digest_is_over_all_other_fields() -> None:
    document = {"a": 1, "digest": ""}
    assert seal(document) == seal({"a": 1, "digest": "x"}) == seal({"a": 1})
    assert seal({"a": 2}) != seal({"a": 1})
