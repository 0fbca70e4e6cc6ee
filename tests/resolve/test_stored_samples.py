"""What a stored run was asked, read again: with images that are gone, with data that have changed, from a file of Python."""

import json

import pytest
from PIL import Image

import mmbench
from mmbench.resolve.stored_samples import _without_folders, asked_of


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A run on a user's data of three images, and their folder."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    rows = []
    for n in range(3):
        Image.new("RGB", (8, 8), (80 * n, 0, 0)).save(data / f"{n}.png")
        rows.append({"id": f"q{n}", "image": f"{n}.png", "question": f"Is {n} red?", "answer": "yes"})
    (data / "my.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    ran = mmbench.run("constant", "vqa", data=str(data / "my.jsonl"), out=tmp_path / "runs", progress=False)
    (result,) = mmbench.load_run(ran).tasks.values()
    return result, data


def test_an_image_that_is_gone_stands_in_for_itself(stored):
    result, data = stored
    assert asked_of(result).note is None
    (data / "1.png").unlink()
    found = asked_of(result)
    assert "1 image is gone" in (found.note or "")
    assert list(found.samples) == ["q0", "q1", "q2"]
    gone, there = found.samples["q1"].parts[0], found.samples["q0"].parts[0]
    assert gone.path == str(data / "1.png")
    assert there.load().size == (8, 8)


def test_a_note_names_files_and_no_folder_of_the_machine(stored):
    result, data = stored
    (data / "my.jsonl").unlink()
    note = asked_of(result).note
    assert note.endswith("my.jsonl")
    assert str(data.parent) not in note


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("there is no file /home/me/a b/x.jsonl", "there is no file x.jsonl"),
        ("'/srv/models/x.py:words' is not imported", "'x.py:words' is not imported"),
        ("see https://example.org/a/b and vqa/scenes, 3/4 of ~/data/x/y.png", "see https://example.org/a/b and vqa/scenes, 3/4 of y.png"),
    ],
)  # fmt: skip
def test_folders_are_taken_out_of_absolute_paths_alone(text, shown):
    assert _without_folders(text, "/home/me/a b") == shown


def test_data_that_have_changed_are_not_shown_also_where_an_image_is_gone(stored):
    result, data = stored
    lines = (data / "my.jsonl").read_text(encoding="utf-8")
    (data / "my.jsonl").write_text(lines.replace("Is 2 red", "Is 2 blue"), encoding="utf-8")
    assert not asked_of(result).samples
    (data / "1.png").unlink()
    (data / "my.jsonl").write_text(lines + lines.splitlines()[0].replace("q0", "q3") + "\n", encoding="utf-8")
    found = asked_of(result)
    assert found.note
    assert not found.samples
