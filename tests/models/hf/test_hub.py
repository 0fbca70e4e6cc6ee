"""``hf/OWNER/NAME``: from the cache without a network, from a hub, and what is said where neither has it."""

import shutil
from pathlib import Path

import pytest
from helpers import Ended, mmbench, only_run, start_python, statuses, write_questions
from hub import COMMIT, Hub, cached, serving

pytestmark = pytest.mark.slow

ONLINE = {
    "HF_HUB_OFFLINE": "0",
    "TRANSFORMERS_OFFLINE": "0",
    "HF_HUB_ETAG_TIMEOUT": "1",
    "HF_HUB_DOWNLOAD_TIMEOUT": "1",
}


def run(folder: Path, *options: str, **environment: str) -> Ended:
    """Ask the model of the hub four questions, with a cache of its own below `folder`."""
    write_questions(folder, 4)
    command = ["run", "-m", "hf/somebody/something", "-t", "vqa", "--data", "mine.jsonl", *options]
    return mmbench(*command, folder=folder, **{"HF_HOME": str(folder / "home"), "HF_TOKEN": "", **environment})


def runs(folder: Path) -> Path:
    return folder / "results" / "runs"


def test_a_name_is_loaded_from_the_cache_offline(tmp_path: Path, llava: Path) -> None:
    cached(tmp_path / "home", "somebody/something", llava)
    ended = run(tmp_path)
    assert ended.code == 0, ended.err
    assert set(statuses(only_run(runs(tmp_path))).values()) <= {"ok", "truncated"}


def test_offline_is_an_option_too_and_asks_nothing_of_the_hub(tmp_path: Path, llava: Path) -> None:
    cached(tmp_path / "home", "somebody/something", llava)
    with serving(Hub(llava)) as hub:
        ended = run(tmp_path, "--offline", HF_ENDPOINT=hub.url, **ONLINE)
    assert ended.code == 0, ended.err
    assert hub.asked == []


DIGESTS = """
from mmbench.core import UsageError
from mmbench.models.hf.adapter import HuggingFace

for revision in (None, "main", "v1", "b" * 40, "v2"):
    try:
        print(HuggingFace.weights_digest("somebody/something", **({"revision": revision} if revision else {})))
    except UsageError as error:
        print(error)
"""


def test_another_revision_is_another_model(tmp_path: Path, llava: Path) -> None:
    home = tmp_path / "home"
    cached(home, "somebody/something", llava)
    cached(home, "somebody/something", llava, "b" * 40, ("v1",))
    child = start_python("-c", DIGESTS, folder=tmp_path, HF_HOME=str(home))
    out, err = child.communicate(timeout=120)
    default, main, v1, commit, v2 = out.splitlines()
    assert (default, main, v1, commit) == (COMMIT, COMMIT, "b" * 40, "b" * 40), err
    assert v2.startswith("'somebody/something' in revision 'v2' is not on this machine")
    assert "hf download somebody/something --revision v2" in v2


def test_what_is_cached_in_part_says_how_to_get_the_rest(tmp_path: Path, llava: Path) -> None:
    snapshot = cached(tmp_path / "home", "somebody/something", llava)
    (snapshot / "model.safetensors").unlink()
    run(tmp_path).refused(2, "somebody/something is on this machine in part", "hf download somebody/something")


def test_a_hub_gives_it_once(tmp_path: Path, llava: Path) -> None:
    with serving(Hub(llava)) as hub:
        ended = run(tmp_path, HF_ENDPOINT=hub.url, **ONLINE)
        assert ended.code == 0, ended.err
        assert sum(path.endswith("model.safetensors") for path in hub.asked) >= 1
        hub.asked.clear()
        assert run(tmp_path, HF_ENDPOINT=hub.url, **ONLINE).code == 0
        assert not any("resolve" in path for path in hub.asked)  # nothing left to ask: nothing loaded
    assert run(tmp_path).code == 0
    assert len(list(runs(tmp_path).iterdir())) == 1
    assert (tmp_path / "home" / "hub" / "models--somebody--something" / "snapshots" / COMMIT).is_dir()


REFUSALS = {
    "missing": (
        {"/": (404, "RepoNotFound")},
        2,
        ["the hub has no model 'somebody/something'", "hf auth login", "hf/PATH"],
    ),
    "private": ({"/": (401, "RepoNotFound")}, 2, ["the hub has no model 'somebody/something'", "hf auth login"]),
    "gated": (
        {"/somebody": (403, "GatedRepo")},
        2,
        ["'somebody/something' is gated: ask for access at", "/somebody/something, then: hf auth login"],
    ),
    "gated, its page too": ({"/": (401, "GatedRepo")}, 2, ["is gated: ask for access at"]),
    "no such revision": ({"/": (404, "RevisionNotFound")}, 2, ["'somebody/something' has no such revision on the hub"]),
    "broken": ({"/": (500, "Oops")}, 2, ["the hub does not give 'somebody/something'"]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_hub_does_not_give_is_one_sentence_with_what_to_type(name: str, tmp_path: Path, llava: Path) -> None:
    refusals, code, words = REFUSALS[name]
    with serving(Hub(llava, refusals)) as hub:
        ended = run(tmp_path, HF_ENDPOINT=hub.url, **ONLINE)
    ended.refused(code, *words)


@pytest.mark.parametrize("trouble", ["silent", "away"])
def test_a_hub_that_does_not_answer_is_not_needed_for_what_is_cached(trouble: str, tmp_path: Path, llava: Path) -> None:
    cached(tmp_path / "home", "somebody/something", llava)
    with serving(Hub(llava, silent=True)) as hub:
        url = hub.url if trouble == "silent" else "http://127.0.0.1:9"
        ended = run(tmp_path, HF_ENDPOINT=url, **ONLINE)
        assert ended.code == 0, ended.err
        assert "the hub cannot be reached; somebody/something is taken from the local cache" in ended.err
        shutil.rmtree(tmp_path / "home")
        run(tmp_path, HF_ENDPOINT=url, **ONLINE).refused(2, "hf download somebody/something; or give a folder: hf/PATH")
