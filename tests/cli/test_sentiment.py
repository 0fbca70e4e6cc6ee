"""`sentiment` from the command line: predictions scored, models run, mistakes answered."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import Ended, write_rows


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """References with classes: 117 negative and 83 positive."""
    rows = [{"id": f"u{n}", "label": "negative" if n < 117 else "positive"} for n in range(200)]
    return write_rows(tmp_path / "references.jsonl", rows)


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """References with scores."""
    return write_rows(tmp_path / "scores.jsonl", [{"id": f"u{n}", "label": (n % 7) - 3} for n in range(21)])


def values_of(ended: Ended) -> dict[str, float | None]:
    assert ended.code == 0, ended.err
    return {metric["id"]: metric["value"] for metric in json.loads(ended.out)["metrics"]}


def score(call: Callable[..., Ended], references: Path, *more: str) -> Ended:
    return call("score", "--task", "sentiment", "-r", references, "-p", "predictions.csv", *more)


def predictions(folder: Path, lines: list[str]) -> None:
    (folder / "predictions.csv").write_text("id,prediction\n" + "".join(f"{line}\n" for line in lines), "utf-8")


def test_a_constant_class_gets_the_known_f1(call: Callable[..., Ended], tmp_path: Path, names: Path) -> None:
    predictions(tmp_path, [f"u{n},Negative" for n in range(200)])
    values = values_of(score(call, names, "--json"))
    assert values["accuracy"] == pytest.approx(0.585)
    assert values["f1(average=weighted)"] == pytest.approx(0.432, abs=5e-4)


def test_scores_are_worth_the_same_by_the_call_and_by_numpy(
    call: Callable[..., Ended], tmp_path: Path, numbers: Path
) -> None:
    labels = np.array([(n % 7) - 3 for n in range(21)], dtype=float)
    said = np.round(labels + np.random.default_rng(3).normal(size=21), 2)
    predictions(tmp_path, [f"u{n},{value}" for n, value in enumerate(said)])
    values = values_of(score(call, numbers, "--json"))
    assert values["mae"] == pytest.approx(np.abs(said - labels).mean())
    assert values["pearson"] == pytest.approx(np.corrcoef(said, labels)[0, 1])
    assert values["acc7"] == pytest.approx((np.round(np.clip(said, -3, 3)) == labels).mean())
    ended = score(call, numbers)
    assert "acc2(convention=mult,zero=with)" in ended.out


def test_class_names_beside_scores_are_said_to_hold_no_number(
    call: Callable[..., Ended], tmp_path: Path, numbers: Path
) -> None:
    predictions(tmp_path, [f"u{n},positive" for n in range(21)])
    ended = score(call, numbers)
    assert ended.code == 0
    assert "21 of 21 answers hold no number" in ended.out
    values = values_of(score(call, numbers, "--json", "--set", "target=class"))
    assert values["accuracy"] == pytest.approx(9 / 21)


def test_a_constant_score_has_no_correlation(call: Callable[..., Ended], tmp_path: Path, numbers: Path) -> None:
    predictions(tmp_path, [f"u{n},0.5" for n in range(21)])
    ended = score(call, numbers)
    assert ended.code == 0
    assert "• pearson: undefined for these units: all predictions are the same\n" in ended.out
    assert "mae: " not in ended.out
    assert values_of(score(call, numbers, "--json"))["pearson"] is None


@pytest.mark.parametrize(
    ("lines", "code", "message"),
    [
        (["u0,1", "u1,nan"], 2, "line 3: prediction 'nan' is no answer"),
        (["u0,1", "u0,2"], 2, "ids that stand there more than once: u0 (2 times)"),
        (["u0,1", "x,1"], 3, "1 of 2 predictions are for unknown ids: x"),
        (["x,1"], 3, "no sample of sentiment/scores has a prediction"),
        ([], 2, "holds no rows"),
    ],
)
def test_predictions_that_do_not_fit_are_answered(
    call: Callable[..., Ended], tmp_path: Path, numbers: Path, lines: list[str], code: int, message: str
) -> None:
    predictions(tmp_path, lines)
    ended = score(call, numbers)
    assert (ended.code, message in ended.err) == (code, True), ended.err
    assert "Traceback" not in ended.err


def test_references_are_asked_for(call: Callable[..., Ended], tmp_path: Path) -> None:
    predictions(tmp_path, ["u0,1"])
    ended = call("score", "--task", "sentiment", "-p", "predictions.csv")
    assert ended.code == 2
    assert "sentiment needs a file of references" in ended.err


def test_the_embedded_task_brings_its_references(call: Callable[..., Ended], tmp_path: Path) -> None:
    from mmbench_tasks.sentiment.scenes import task

    predictions(tmp_path, [f"{sample.id},{sample.references[0]}" for sample in task.samples()])
    values = values_of(call("score", "--task", "sentiment/scenes", "-p", "predictions.csv", "--json"))
    assert set(values.values()) == {1.0}
    assert "block_accuracy" in values


def test_a_pickle_that_calls_something_is_refused_in_one_sentence(call: Callable[..., Ended], tmp_path: Path) -> None:
    (tmp_path / "mosi.pkl").write_bytes(pickle.dumps({"test": {"labels": print}}))
    predictions(tmp_path, ["u0,1"])
    for arguments in (
        ["score", "--task", "sentiment", "-r", "mosi.pkl", "-p", "predictions.csv"],
        ["run", "--model", "random", "--tasks", "sentiment", "--data", "mosi=mosi.pkl"],
    ):
        ended = call(*arguments)
        assert ended.code == 2
        assert "mosi.pkl is not read: it wants builtins.print" in ended.err
        assert "Traceback" not in ended.err


def mosi(folder: Path) -> Path:
    splits = {}
    for tag, n in (("train", 40), ("valid", 12), ("test", 12)):
        labels = np.resize(np.array([-2.4, 0.0, 1.6], dtype=np.float32), n)
        words = {-1: "awful", 0: "plain", 1: "lovely"}
        splits[tag] = {
            "raw_text": np.array([f"that was {words[int(np.sign(label))]}" for label in labels]),
            "id": [f"{tag}{n // 2}$_${n}" for n in range(n)],
            "regression_labels": labels,
        }
    path = folder / "mosi.pkl"
    path.write_bytes(pickle.dumps(splits))
    return path


def test_a_model_is_asked_about_the_texts_of_a_pickle(call: Callable[..., Ended], tmp_path: Path) -> None:
    mosi(tmp_path)
    (tmp_path / "reads.py").write_text(
        "class Reads:\n"
        "    def generate(self, requests):\n"
        "        return ['-2.4' if 'awful' in r.text else '1.6' if 'lovely' in r.text else 'about 0' for r in requests]\n",
        "utf-8",
    )
    ended = call("run", "--model", "reads", "--tasks", "sentiment", "--data", "mosi=mosi.pkl", "--json", "-q")
    assert ended.code == 0, ended.err
    found = {metric["id"]: metric for metric in json.loads(ended.out)["metrics"]}
    assert {metric["task"] for metric in found.values()} == {"sentiment/mosi.local"}  # a card bears the name
    assert found["mae"]["value"] == pytest.approx(0)
    assert found["pearson"]["value"] == pytest.approx(1)


@pytest.mark.slow
def test_a_baseline_learns_classes_from_the_texts_of_a_pickle(call: Callable[..., Ended], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    mosi(tmp_path)
    ended = call(
        *("run", "--model", "text-only", "--model-args", "steps=30,batch=16,checks=2,dim=16", "--tasks", "sentiment"),
        *("--data", "mosi=mosi.pkl", "--task-args", "target=class", "--json", "-q"),
    )
    assert ended.code == 0, ended.err
    found = {metric["id"]: metric["value"] for metric in json.loads(ended.out)["metrics"]}
    assert found["accuracy"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("target", ["class", "score"])
def test_controls_answer_the_embedded_task(call: Callable[..., Ended], tmp_path: Path, target: str) -> None:
    ended = call(
        *("run", "--model", "oracle,random,constant", "--tasks", "sentiment", "--limit", "18", "--json", "-q"),
        *("--task-args", f"target={target}"),
    )
    assert ended.code == 0, ended.err
    rows = json.loads(ended.out)["metrics"]
    assert {row["task"] for row in rows} == {
        "sentiment/scenes" if target == "class" else "sentiment/scenes(target=score)"
    }
    best = {row["id"]: row["value"] for row in rows if row["model"] == "oracle"}
    assert set(best.values()) == ({1.0} if target == "class" else {0.0, 1.0})
    constant = {row["id"]: row for row in rows if row["model"] == "constant"}
    assert {row["n_unparsed"] for row in constant.values() if row["unit"] == "sample"} == {18}


@pytest.fixture
def runs(call: Callable[..., Ended], tmp_path: Path) -> Callable[[str], list[str]]:
    """Two runs of `sentiment/scenes`: the first is right on nine samples of ten, the second on two of three."""

    def made(target: str) -> list[str]:
        from mmbench_tasks.sentiment.scenes import task

        samples = task.with_options(target=target).samples()[:360]
        wrong = {"class": {"negative": "positive", "neutral": "negative", "positive": "neutral"}}.get(target)
        found = []
        for name, every in (("nine", 10), ("two", 3)):
            answers = [
                {"id": sample.id, "prediction": label if n % every else wrong[label] if wrong else -float(label) - 0.25}
                for n, sample in enumerate(samples)
                for label in sample.references
            ]
            write_rows(tmp_path / f"{name}.jsonl", answers)
            ended = call(
                *("run", "--model", "replay", "--model-args", f"file={name}.jsonl", "--tasks", "sentiment/scenes"),
                *("--limit", "360", "--task-args", f"target={target}", "--perf", "off", "-q", "--out", f"runs-{name}"),
            )
            assert ended.code == 0, ended.err
            found += map(str, (tmp_path / f"runs-{name}").iterdir())
        return found

    return made


@pytest.mark.slow
def test_lower_errors_are_better_wherever_runs_are_compared(
    call: Callable[..., Ended], tmp_path: Path, runs: Callable[[str], list[str]]
) -> None:
    good, bad = runs("score")
    assert call("baseline", "save", good, "good.json", "--allow", "partial").code == 0
    asked = [
        ("sentiment/scenes:mae drop<0.05pt", "regressed", "violated"),
        ("sentiment/scenes:mae <= 0.5", "newly failing", "violated"),
        ("sentiment/scenes:pearson >= 0.6", "newly failing", "violated"),
        ("sentiment/scenes:acc2(convention=mmsa,zero=without) >= 0.5", "regressed", "passed"),
    ]
    ended = call(
        *("gate", bad, "--baseline", "good.json", "--only", "--json"),
        *(each for text, *_ in asked for each in ("--require", text)),
    )
    assert ended.code == 1, ended.err
    verdicts = json.loads(ended.out)["verdicts"]
    expected = [(text.replace("scenes:", "scenes(target=score):"), *rest) for text, *rest in asked]
    assert [(each["rule"], each["verdict"], each["outcome"]) for each in verdicts] == expected
    ended = call("gate", good, "--baseline", bad, "--json", "--require", asked[0][0])
    assert (ended.code, json.loads(ended.out)["verdicts"][0]["verdict"]) == (0, "improved")
    ended = call("gate", good, "--baseline", "good.json", "--require", "sentiment/scenes:mae >= 0.5")
    assert (ended.code, "write <=" in ended.err) == (2, True)
    for reference in (good, "good.json"):
        found = {each["id"]: each for each in json.loads(call("compare", reference, bad, "--json").out)["metrics"]}
        assert found["mae"]["difference"]["value"] > 0 > found["pearson"]["difference"]["value"]
        assert found["mae"]["worse"] > found["mae"]["better"]
    ended = call("report", bad, "good.json", "--format", "json")
    table = json.loads(ended.out)["tables"][0]
    titles = [column["title"] for column in table["columns"]]
    first, second = (dict(zip(titles, row, strict=True)) for row in table["rows"][:2])
    assert (first["rank"]["text"], second["rank"]["text"]) == ("1", "2")
    assert first["mae"]["value"] < second["mae"]["value"]
    assert ("best" in first["mae"]["marks"], "marks" in second["mae"]) == (True, False)


@pytest.mark.slow
def test_f1_is_gated_against_a_saved_baseline(
    call: Callable[..., Ended], tmp_path: Path, runs: Callable[[str], list[str]]
) -> None:
    good, bad = runs("class")
    assert call("baseline", "save", good, "good.json", "--allow", "partial").code == 0
    rules = [
        *("--require", "sentiment/scenes:f1(average=macro) drop<20pt"),
        *("--require", "sentiment/scenes:f1(average=macro) >= 0.80"),
        *("--require", "sentiment/scenes:f1(average=weighted) exact"),
    ]
    ended = call("gate", bad, "--baseline", "good.json", "--only", "--json", *rules)
    assert ended.code == 1, ended.err
    found = [(each["verdict"], each["outcome"]) for each in json.loads(ended.out)["verdicts"]]
    assert found == [("regressed", "violated"), ("newly failing", "violated"), ("regressed", "violated")]
    ended = call("gate", good, "--baseline", "good.json", "--json", *rules)
    assert (ended.code, {each["verdict"] for each in json.loads(ended.out)["verdicts"]}) == (0, {"same"})


@pytest.mark.slow
def test_a_fusion_of_both_learns_numbers_of_the_embedded_task(call: Callable[..., Ended], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    ended = call(
        *("run", "--model", "concat", "--model-args", "steps=4,batch=16,checks=1,dim=16", "--limit", "18", "-q"),
        *("--tasks", "sentiment/scenes", "--task-args", "target=score,size=32", "--json", "--perf", "off"),
    )
    assert ended.code == 0, ended.err
    row = next(each for each in json.loads(ended.out)["metrics"] if each["id"] == "mae")
    assert (row["n"], row["n_unparsed"], row["n_failed"]) == (18, 0, 0)


def test_predictions_that_are_numbers_become_the_signs_that_labels_become(
    call: Callable[..., Ended], tmp_path: Path, numbers: Path
) -> None:
    labels = [float(row["label"]) for row in map(json.loads, numbers.read_text("utf-8").splitlines())]
    predictions(tmp_path, [f"u{n},{label / 2}" for n, label in enumerate(labels)])
    assert values_of(score(call, numbers, "--json", "--set", "target=class"))["accuracy"] == 1.0


def test_numbers_that_may_be_any_have_a_chance(call: Callable[..., Ended], tmp_path: Path) -> None:
    mosi(tmp_path)
    ended = call("run", "--model", "random", "--tasks", "sentiment", "--data", "mosi=mosi.pkl", "--json", "-q")
    found = {metric["id"]: metric["chance"] for metric in json.loads(ended.out)["metrics"]}
    labels = np.resize(np.array([-2.4, 0.0, 1.6]), 12)
    assert found["mae"] == pytest.approx(np.abs(labels[:, None] - np.arange(-3, 4)).mean(), abs=1e-6)
    assert found["acc7"] == pytest.approx(1 / 7)
