"""Several seeds of two models: compared and gated by their means, over samples and seeds."""

import json

import numpy as np
import pytest
from helpers import edit_json
from scipy.stats import t
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.api.compare import compare
from mmbench.api.gate import gate
from mmbench.cli.main import main
from mmbench.comparison.over_seeds import compare_seeds
from mmbench.core import UsageError
from mmbench.metrics import caption_columns, caption_metrics
from mmbench.results.find import load_run

N = 60


def scores(model, seed, shift=0.0):
    """Answers of one seed: samples differ, seeds differ, and both meet by chance."""
    easy = np.random.default_rng(0).normal(0, 1, N)
    own = np.random.default_rng([len(model), seed])
    skill = own.normal(0, 0.3) + shift
    return (easy + skill + own.normal(0, 0.5, N) > 0).astype(float).tolist()


def written(out, model, seed, given, metrics=(ACCURACY,), task=TASK, **identity):
    table = given if not isinstance(given, list) else score_table(given)
    path = write_run(out / f"{model}{seed}", model, {task: [table]}, metrics, **identity)
    edit_json(path / "run.json", lambda run: run.update(seed=seed))
    return str(path)


def sides(tmp_path, shift=0.0, seeds=(3, 3)):
    return [
        [written(tmp_path, model, seed, scores(model, seed, by)) for seed in range(count)]
        for (model, by), count in zip((("old", 0.0), ("newer", shift)), seeds, strict=True)
    ]


def test_difference_error_and_share_are_those_of_the_two_way_tables(tmp_path):
    a, b = sides(tmp_path, 0.4, (3, 4))
    (found,) = compare_seeds([*map(load_run, a)], [*map(load_run, b)]).metrics
    tables = [
        np.array([scores(model, seed, by) for seed in range(n)]) for model, by, n in (("old", 0, 3), ("newer", 0.4, 4))
    ]
    change = tables[1].mean(0) - tables[0].mean(0)
    of_samples, parts, uncertain = change.var(ddof=1) / N, [], 0.0
    for table in tables:
        count = len(table)
        total = table.mean(1).var(ddof=1) / count
        residual = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
        meeting = (residual**2).sum() / ((count - 1) * (N - 1)) / (N * count)
        parts.append(max(total - meeting, 0))
        uncertain += total**2 / (count - 1) + meeting**2 / ((count - 1) * (N - 1))
    variance = of_samples + sum(parts)
    df = variance**2 / (of_samples**2 / (N - 1) + uncertain)
    assert (found.a.value, found.b.value) == pytest.approx([table.mean() for table in tables])
    assert found.difference.value == pytest.approx(change.mean())
    assert found.difference.se == pytest.approx(variance**0.5)
    assert found.difference.df == pytest.approx(df)
    assert found.difference.p_value == pytest.approx(2 * t.sf(abs(change.mean()) / variance**0.5, df))
    assert found.seed_share == pytest.approx(sum(parts) / variance)
    assert 0 < found.seed_share < 1
    assert (found.gained, found.lost, found.difference.n) == ((change > 0).sum(), (change < 0).sum(), N)


def test_samples_that_one_seed_failed_are_outside_and_counted(tmp_path):
    first, second = scores("a", 0), scores("a", 1)
    failed = [None, None, *first[2:]]
    other = [*second[:-1], None]
    a = [written(tmp_path, "old", 0, first), written(tmp_path, "old", 1, other)]
    b = [written(tmp_path, "newer", 0, failed), written(tmp_path, "newer", 1, second)]
    (found,) = compare_seeds([*map(load_run, a)], [*map(load_run, b)]).metrics
    assert (found.difference.n, found.only_a, found.only_b, found.neither) == (N - 3, 2, 1, 0)
    assert found.coverage == pytest.approx((N - 3) / N)
    result = gate(b, baselines=a)
    assert [each.reason for each in result.verdicts] == ["samples_newly_failed"]


def test_slices_are_compared_over_seeds_too(tmp_path):
    parts = ["x" if n < 20 else "y" for n in range(N)]
    runs = [
        [
            load_run(written(tmp_path, model, seed, score_table(scores(model, seed), slices={"kind": parts})))
            for seed in range(2)
        ]
        for model in ("old", "newer")
    ]
    found = {each.slice: each for each in compare_seeds(*runs).slices}
    assert {key: each.difference.n for key, each in found.items()} == {("kind", "x"): 20, ("kind", "y"): 40}
    mean = np.mean([scores("old", seed)[:20] for seed in range(2)])
    assert found["kind", "x"].a.value == pytest.approx(mean)
    assert all(each.seed_share is not None for each in found.values())


def test_a_task_that_one_seed_was_asked_otherwise_is_refused(tmp_path):
    a, b = sides(tmp_path, seeds=(2, 1))
    b.append(written(tmp_path, "newer", 1, scores("newer", 1), options={"shots": 1}))
    found = compare_seeds([*map(load_run, a)], [*map(load_run, b)])
    assert not found.metrics
    assert list(found.refused) == [TASK]


def test_a_formula_has_the_mean_of_its_values(tmp_path):
    """Corpus BLEU of two seeds a side; its error is no smaller than that of the mean."""
    from mmbench.core.score_table import ScoreTable

    bleu = next(each for each in caption_metrics() if each.id.name.startswith("bleu"))
    texts = [
        "a red cube left of a blue ball",
        "a green ball on a red cube",
        "two blue cubes beside a ball",
        "a ball",
    ] * 4
    generator = np.random.default_rng(1)

    def table():
        said = [" ".join(w for w in text.split() if generator.random() < 0.9) or "a" for text in texts]
        ids = [f"s{n}" for n in range(len(texts))]
        return ScoreTable("sample", ids, ids, ["scored"] * len(ids), caption_columns(said, [[text] for text in texts]))

    runs = [[load_run(written(tmp_path, m, s, table(), (bleu,))) for s in range(2)] for m in ("old", "newer")]
    (found,) = compare_seeds(*runs).metrics
    own = [[run.tasks[TASK].metrics[found.id].value for run in side] for side in runs]
    assert found.difference.value == pytest.approx(np.mean(own[1]) - np.mean(own[0]))
    assert found.difference.low < found.difference.value < found.difference.high
    assert 0 <= found.seed_share <= 1


@pytest.mark.slow
def test_compare_takes_the_seeds_of_two_models_in_any_order(tmp_path, capsys):
    a, b = sides(tmp_path, 0.4)
    typed = [a[0], b[2], a[2], b[0], a[1], b[1]]
    assert main(["compare", *typed, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["seeds"] == [[0, 1, 2], [0, 1, 2]]
    (found,) = document["metrics"]
    assert 0 <= found["seed_share"] <= 1
    (from_python,) = compare(a, b).metrics
    assert from_python.difference.p_value == found["difference"]["p_value"]
    assert main(["compare", *typed]) == 0
    shown = capsys.readouterr().out
    assert "from seeds" in shown
    assert "old (3 seeds)" in shown


def test_two_runs_and_seeds_of_one_side_alone_are_as_ever(tmp_path, capsys):
    a, b = sides(tmp_path)
    assert main(["compare", a[0], b[0], "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "seeds" not in document
    assert "seed_share" not in document["metrics"][0]
    assert main(["compare", *a, b[0], "--json"]) == 0
    assert "seeds" not in json.loads(capsys.readouterr().out)  # a matrix of all pairs


@pytest.mark.slow
def test_a_gate_compares_the_means_over_seeds_and_says_which_part_they_are_of(tmp_path, capsys):
    a, b = sides(tmp_path, -0.8)
    result = gate(b, baselines=a, require=f"{TASK}:accuracy drop<1pt")
    (verdict,) = result.verdicts
    (found,) = compare(a, b).metrics
    assert verdict.difference == pytest.approx(found.difference.value)
    assert verdict.seed_share == found.seed_share
    assert result.over_seeds
    assert (verdict.outcome == "violated") == (verdict.high < -0.01)
    typed = ["gate", *b, *(text for each in a for text in ("--baseline", each))]
    main([*typed, "--json"])
    assert json.loads(capsys.readouterr().out)["verdicts"][0]["seed_share"] == found.seed_share
    main(typed)
    assert "from seeds" in capsys.readouterr().out


def test_several_runs_of_a_side_that_are_no_seeds_are_refused(tmp_path):
    a, b = sides(tmp_path)
    for one, other in (([a[0], b[0]], [a[1], b[1]]), (a, b[:1]), (a[:1], b)):
        with pytest.raises(UsageError):
            compare(one, other)


def test_repeats_with_one_seed_are_repeats(tmp_path):
    a, b = sides(tmp_path)
    again = written(tmp_path / "again", "newer", 0, scores("newer", 0))
    first = gate(b[0], baselines=a[0]).verdicts[0]
    result = gate([b[0], again], baselines=a)
    assert not result.over_seeds
    assert (result.verdicts[0].difference, result.verdicts[0].seed_share) == (first.difference, None)
