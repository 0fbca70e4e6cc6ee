"""`vqa/easy-vqa`: the facts of the data set as its authors give them, the cut into train and val, bad installs."""

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mmbench.core import DataError, MediaError, MissingExtraError, Response, Sample, UsageError
from mmbench_tasks.vqa import easy_vqa
from mmbench_tasks.vqa.easy_vqa import CARD, EasyVqa, question_type
from mmbench_tasks.vqa.task import VqaTask

package = pytest.importorskip("easy_vqa")
task = VqaTask(CARD)


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Sample]]:
    return {split: task.samples(split) for split in ("test", "train", "val")}


def test_the_official_counts(splits: dict[str, list[Sample]]) -> None:
    assert len(splits["test"]) == 9_673
    assert len({sample.group for sample in splits["test"]}) == 1_000
    assert len(splits["train"]) + len(splits["val"]) == 38_575
    assert len({sample.group for sample in splits["train"] + splits["val"]}) == 4_000


def test_the_package_says_the_same(splits: dict[str, list[Sample]]) -> None:
    texts, answers, numbers = package.get_test_questions()
    paths = package.get_test_image_paths()
    assert [sample.parts[1] for sample in splits["test"]] == texts
    assert [sample.references for sample in splits["test"]] == [(answer,) for answer in answers]
    assert [sample.id for sample in splits["test"]] == [f"test-{n}" for n in range(9_673)]
    for sample, number in list(zip(splits["test"], numbers, strict=True))[::500]:
        assert Path(sample.parts[0].path).samefile(paths[number])
    assert {answer for choices in easy_vqa.CHOICES.values() for answer in choices} == set(package.get_answers())


def test_no_picture_lies_in_two_splits(splits: dict[str, list[Sample]]) -> None:
    pictures = {split: {sample.parts[0].digest for sample in samples} for split, samples in splits.items()}
    assert pictures["train"].isdisjoint(pictures["val"])
    assert pictures["test"].isdisjoint(pictures["train"] | pictures["val"])
    assert 0.08 < len(pictures["val"]) / 4_000 < 0.12


@pytest.mark.slow
def test_ids_are_unique_and_name_the_official_position(splits: dict[str, list[Sample]]) -> None:
    texts, _, _ = package.get_train_questions()
    ids = [sample.id for samples in splits.values() for sample in samples]
    assert len(set(ids)) == len(ids)
    for sample in splits["val"][::100]:
        split, _, position = sample.id.partition("-")
        assert (split, texts[int(position)]) == ("val", sample.parts[1])


def test_every_answer_lies_in_its_closed_set(splits: dict[str, list[Sample]]) -> None:
    for samples in splits.values():
        assert all(sample.references[0] in (sample.choices or ()) for sample in samples)
        assert {sample.slices["type"] for sample in samples} == {"yes/no", "shape", "colour"}
    yes_no = [s for split in ("train", "val") for s in splits[split] if s.slices["type"] == "yes/no"]
    assert len(yes_no) == 28_407
    assert sum(sample.slices["type"] == "yes/no" for sample in splits["test"]) == 7_136


def test_the_type_is_read_off_the_words() -> None:
    assert question_type("is there not a red shape?") == "yes/no"
    assert question_type("what is the color of the triangle?") == "colour"
    assert question_type("what shape is in the image?") == "shape"


def test_everything_is_deterministic(splits: dict[str, list[Sample]]) -> None:
    again = VqaTask(replace(CARD, source=EasyVqa()))
    assert again.samples("val") == splits["val"]
    assert again.fingerprint() == task.fingerprint() == task.fingerprint()


def test_the_fingerprint_knows_no_folder_and_follows_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prints = []
    for name in ("one", "two"):
        fake(tmp_path / name, monkeypatch)
        prints.append(EasyVqa().fingerprint())
    Image.new("RGB", (4, 4), "blue").save(tmp_path / "two" / "easy_vqa" / "data" / "test" / "images" / "0.png")
    prints.append(EasyVqa().fingerprint())
    assert prints[0] == prints[1] != prints[2]


def test_chance_follows_from_the_sizes_of_the_sets(splits: dict[str, list[Sample]]) -> None:
    types = Counter(sample.slices["type"] for sample in splits["test"])
    expected = (types["yes/no"] / 2 + types["shape"] / 3 + types["colour"] / 8) / 9_673
    assert task.chance(splits["test"])["accuracy"] == pytest.approx(expected, rel=1e-12)


def test_the_oracle_gets_everything_right(splits: dict[str, list[Sample]]) -> None:
    samples = splits["test"]
    answers = [[Response("ok", task.solve(sample, request)) for request in task.requests(sample)] for sample in samples]
    table = task.score(samples, answers)["sample"]
    assert set(table.columns["accuracy"]) == {1.0}
    assert len(set(table.cluster_ids)) == 1_000


def test_licence_revision_and_citation_stand_on_the_card() -> None:
    dataset = task.info.dataset
    assert (dataset.revision, dataset.licence) == ("easy-vqa==1.0", "MIT")
    assert "Victor Zhou" in dataset.citation
    assert task.info.closed_answers


@pytest.mark.slow
def test_info_loads_neither_data_nor_package() -> None:
    code = (
        "import sys; from mmbench.registry import find, load; from mmbench_tasks.retrieval.family import family\n"
        "task = load(find('task', 'vqa/easy-vqa')); task.info\n"
        "print(sorted({'PIL', 'numpy', 'easy_vqa'} & set(sys.modules)))\n"
        "task.samples(); print(sorted({'PIL', 'numpy', 'easy_vqa'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: object = None) -> EasyVqa:
    """An installation of the package with these questions, two pictures, and nothing in train."""
    for part in ("test", "train"):
        (folder / "easy_vqa" / "data" / part / "images").mkdir(parents=True)
        questions = (
            [["what shape is present?", "circle", 0], ["is there a circle?", "yes", 1]] if rows is None else rows
        )
        text = questions if isinstance(questions, str) else json.dumps(questions)
        (folder / "easy_vqa" / "data" / part / "questions.json").write_text(text)
        for n, colour in enumerate(("red", "green")):
            Image.new("RGB", (4, 4), colour).save(folder / "easy_vqa" / "data" / part / "images" / f"{n}.png")
    (folder / "easy_vqa" / "__init__.py").touch()
    spec = importlib.util.spec_from_file_location("easy_vqa", folder / "easy_vqa" / "__init__.py")
    monkeypatch.setattr(easy_vqa, "find_spec", lambda name: spec)
    return EasyVqa()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(easy_vqa, "find_spec", lambda name: None)
    for call in (EasyVqa().fingerprint, VqaTask(replace(CARD, source=EasyVqa())).samples):
        with pytest.raises(MissingExtraError, match=r'pip install "mmbench\[easy-vqa\]"'):
            call()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("{", "questions.json is not as in easy-vqa 1.0"),
        ([["what shape is present?", "red", 0]], "question 0 has the answer 'red', expected circle or rectangle"),
        ([["what shape is present?", "circle"]], "questions.json is not as in easy-vqa 1.0"),
        ([5], "is not as in easy-vqa 1.0"),
        ([], "is not as in easy-vqa 1.0"),
    ],
)
def test_a_broken_installation(rows: object, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=words):
        list(fake(tmp_path, monkeypatch, rows).rows("test"))


def test_a_missing_file_of_the_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = fake(tmp_path, monkeypatch, [["is there a circle?", "yes", 9]])
    with pytest.raises(MediaError, match=r"9\.png does not exist"):
        source.fingerprint()
    (tmp_path / "easy_vqa" / "data" / "test" / "questions.json").unlink()
    with pytest.raises(DataError, match="install the package again"):
        source.fingerprint()


def test_an_unknown_split() -> None:
    with pytest.raises(UsageError, match="no split 'dev'; it has test, train, val"):
        task.samples("dev")
