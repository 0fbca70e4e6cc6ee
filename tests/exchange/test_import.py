"""Runs of other tools become run directories: the same number, marked as imported, or nothing at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, write_questions
from peer_outputs import HITS, QUESTIONS, RIGHT, SAID, WRITERS, imported, inspect_log, lm_eval, vlmevalkit

import mmbench
from mmbench.core.errors import NotComparableError, UsageError
from mmbench.resolve.again import run_commands

# --- what becomes of them ---


@pytest.mark.parametrize("tool", WRITERS)
def test_a_run_of_each_tool_has_the_tools_number_under_the_tools_name(tool: str, tmp_path: Path) -> None:
    found = imported(tool, tmp_path)
    (result,) = found.run.tasks.values()
    value = next(iter(result.metrics.values()))
    assert (value.value, value.n) == (0.5, 4)
    assert f"tool={tool}" in value.id
    assert value.low is not None
    origin = found.run.record.imported
    assert origin is not None
    assert origin.tool == tool
    assert all(len(digest) == 64 for digest in origin.files.values())
    read = mmbench.load_run(found.path)
    assert read.record == found.run.record
    rows = list(read.samples().itertuples())
    assert [row.answer for row in rows[:3]] == list(SAID[:3])
    assert [tuple(row.references) for row in rows[:4]] == [(each,) for each in RIGHT]
    assert all(question in row.question for row, question in zip(rows, QUESTIONS, strict=False))


def test_lm_eval_files_say_model_prompt_decoding_clusters_and_filters(tmp_path: Path) -> None:
    run = imported("lm-eval", tmp_path).run
    (result,) = run.tasks.values()
    plan = result.store.plan()
    assert plan is not None
    assert run.record.imported is not None
    assert (run.record.imported.version, run.record.imported.model, run.seed) == ("0.4.13", "org/model-7b", 3)
    assert plan.identity["generation"]["generate"] == {"temperature": 0.7, "max_new_tokens": 8, "stop": ["\n"]}
    assert plan.identity["imported"]["images"] == "not sent"
    assert list(result.metrics) == ["exact_match(tool=lm-eval)", "exact_match(filter=strict-match,tool=lm-eval)"]
    assert [each.value for each in result.metrics.values()] == [0.5, 1.0]
    assert next(iter(result.metrics.values())).n_clusters == 2
    assert result.asked()[0].prompt == "what is it?\nOne word."
    assert result.entry.split_samples == 9


def test_lmms_eval_files_say_that_images_were_sent_and_what_was_cut_off(tmp_path: Path) -> None:
    found = imported("lmms-eval", tmp_path)
    (result,) = found.run.tasks.values()
    assert {line.images_sent for line in result.asked()} == {True}
    assert [line.status for line in result.responses()] == ["ok", "ok", "ok", "truncated"]
    assert list(result.metrics) == ["my_acc(tool=lmms-eval)"]  # the other is made of the whole, not of samples
    assert sum("whole" in note for note in found.notes) == 1
    assert sum("my_acc = 2" in note for note in found.notes) == 1  # reported as a sum, not as a mean


def test_inspect_logs_say_how_answers_ended_and_an_error_is_no_wrong_answer(tmp_path: Path) -> None:
    (result,) = imported("inspect", tmp_path).run.tasks.values()
    value = result.metrics["match(tool=inspect)"]
    assert [line.status for line in result.responses()] == ["ok", "ok", "truncated", "refused", "error"]
    assert (value.n, value.n_failed, value.n_refused, value.n_truncated) == (4, 1, 1, 1)
    assert (result.status, result.entry.n_failed) == ("partial", 1)
    (tmp_path / "log.json").write_text(json.dumps(inspect_log()), encoding="utf-8")
    again = mmbench.import_run("inspect", tmp_path / "log.json", out=tmp_path / "runs").run
    assert [each.metrics for each in again.tasks.values()] == [result.metrics]


@pytest.mark.slow
def test_vlmevalkit_tables_are_joined_by_index_in_every_format(tmp_path: Path) -> None:
    tables = [vlmevalkit(tmp_path / ending, ending) for ending in ("tsv", "xlsx")]
    found = [mmbench.import_run("vlmevalkit", each, out=tmp_path / "runs") for each in tables]
    for each in found:
        (result,) = each.run.tasks.values()
        assert each.run.model.name == "vlmevalkit/Model-7B"
        assert result.name == "vlmevalkit/MyVQA"
        assert list(result.metrics) == ["hit(tool=vlmevalkit)"]
        assert [line.status for line in result.responses()] == ["ok", "ok", "ok", "error"]
        assert each.notes == ()
    alone = mmbench.import_run("vlmevalkit", tables[0][0], out=tmp_path / "runs")
    assert next(iter(alone.run.tasks.values())).metrics == {}
    assert len(alone.notes) == 1


def test_choices_that_lm_eval_scored_are_kept_as_scores(tmp_path: Path) -> None:
    def chosen(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for line in lines:
            line |= {
                "doc": {"question": "which?", "choices": ["cat", "dog"]},
                "target": 1,
                "arguments": {
                    f"gen_args_{k}": {"arg_0": "which?", "arg_1": f" {word}"} for k, word in enumerate(("cat", "dog"))
                },
                "resps": [[["-1.5", "False"]], [["-0.5", "True"]]],
                "filtered_resps": [["-1.5", "False"], ["-0.5", "True"]],
            }
        return lines[:4]

    (result,) = mmbench.import_run("lm-eval", lm_eval(tmp_path / "in", fix=chosen), out=tmp_path).run.tasks.values()
    line = next(iter(result.responses()))
    assert line.output == [-1.5, -0.5]
    assert (result.asked()[0].choices, result.asked()[0].references) == (("cat", "dog"), ("dog",))
    assert result.entry.served_as == {"choose": "choose"}
    assert list(result.tables()["sample"].answers or ()) == ["dog"] * 4


def test_importing_again_replaces_the_run_and_leaves_nothing_else(tmp_path: Path) -> None:
    first, second = imported("lm-eval", tmp_path), imported("lm-eval", tmp_path)
    assert first.path == second.path
    assert [each.name for each in (tmp_path / "runs").iterdir()] == [first.path.name]
    assert run_commands(first.run)[0].startswith("mmbench import lm-eval results_")


# --- scored by a task of ours ---


@pytest.mark.slow
def test_samples_of_our_task_are_found_and_scored_by_our_metric_beside_the_tools(tmp_path: Path) -> None:
    data = tmp_path / "mine.jsonl"
    write_questions(tmp_path, 1)  # makes the image
    rows = [{"id": f"q{n}", "image": "0.png", "question": QUESTIONS[n], "answer": RIGHT[n]} for n in range(4)]
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows[::-1]), encoding="utf-8")
    found = imported("lm-eval", tmp_path, task="vqa", data=data)
    (result,) = found.run.tasks.values()
    (table,) = result.tables().values()
    assert result.name.startswith("vqa/")
    assert list(table.unit_ids) == ["q3", "q2", "q1", "q0"]
    assert result.metrics["exact_match(tool=lm-eval)"].value == 0.5
    ours = next(value for name, value in result.metrics.items() if "tool" not in name)
    again = mmbench.rescore(found.path)
    assert again.scorings[result.name][0] == again.scorings[result.name][1]
    other = mmbench.rescore(found.path, task_args={"extractor": "contains"}, dry_run=True)
    assert {each.id for each in other.moved} == set(result.metrics)
    assert next(each for each in other.moved if "tool" in each.id).moved is False
    assert ours.value == 0.5
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows[:2]), encoding="utf-8")
    with pytest.raises(NotComparableError):
        imported("lm-eval", tmp_path, task="vqa", data=data)


def test_a_task_that_is_none_of_ours_cannot_be_rescored(tmp_path: Path) -> None:
    with pytest.raises(NotComparableError):
        mmbench.rescore(imported("lm-eval", tmp_path).path)


@pytest.mark.slow
def test_an_exported_log_is_imported_with_the_same_values(tmp_path: Path) -> None:
    run = evaluate(Colours(), write_questions(tmp_path, 6), tmp_path)
    (log,) = mmbench.export(run.path, "inspect", tmp_path / "logs")
    (result,) = mmbench.import_run("inspect", log, out=tmp_path / "imported").run.tasks.values()
    assert [each.value for each in result.metrics.values()] == [row.value for row in mmbench.load_run(run.path).rows()]


def test_tables_that_vlmevalkit_keeps_twice_are_read_once(tmp_path: Path) -> None:
    """It links the tables of the newest evaluation into the model's folder."""
    paths = vlmevalkit(tmp_path)
    (tmp_path / "Model-7B" / "T20261128_G0").mkdir()
    for path in paths:
        path.rename(path.parent / "T20261128_G0" / path.name)
        path.symlink_to(path.parent / "T20261128_G0" / path.name)
    found = mmbench.import_run("vlmevalkit", tmp_path / "Model-7B", out=tmp_path / "runs")
    assert [row.value for row in found.run.rows()] == [0.5]
    copy = tmp_path / "Model-7B" / "T20261127_G0"
    copy.mkdir()
    (copy / paths[0].name).write_bytes(paths[0].read_bytes())
    with pytest.raises(UsageError):
        mmbench.import_run("vlmevalkit", tmp_path / "Model-7B", out=tmp_path / "runs")


def test_scores_against_several_people_are_averaged_where_that_gives_the_reported_value(tmp_path: Path) -> None:
    heads = "index\tquestion\tanswer\tprediction\teval_match"
    rows = [f"{n}\t{QUESTIONS[n]}\t{RIGHT[n]}\t{SAID[n]}\t[{HITS[n]}, 0.5]" for n in range(4)]
    table = tmp_path / "Model_TextVQA_VAL.tsv"
    table.write_text("\n".join([heads, *rows]), encoding="utf-8")
    values = {}
    for reported in ("50.0", "75.0", "12.0"):
        (tmp_path / "Model_TextVQA_VAL_acc.csv").write_text(f"Overall\n{reported}\n", encoding="utf-8")
        found = mmbench.import_run("vlmevalkit", [table, tmp_path / "Model_TextVQA_VAL_acc.csv"], out=tmp_path / "runs")
        values[reported] = (found.run.rows()[0].value, len(found.notes))
    assert values == {"50.0": (0.5, 0), "75.0": (0.75, 0), "12.0": (0.75, 1)}


def tsv(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    heads = list(rows[0])
    path.write_text(
        "\n".join("\t".join(str(row[h]) for h in heads) for row in [dict(zip(heads, heads, strict=True)), *rows])
    )
    return path


def test_datasets_of_vlmevalkit_whose_names_begin_alike_stay_apart(tmp_path: Path) -> None:
    folder = tmp_path / "Model-7B"
    for name, hits in (("MMBench_DEV_EN", (1, 0)), ("MMBench_DEV_EN_V11", (1, 1)), ("MMBench_DEV_EN_V11_MINI", (0, 0))):
        asked = [
            {"index": n, "question": f"{name} {n}?", "A": "x", "B": "y", "answer": "A", "prediction": "A"}
            for n in (1, 2)
        ]
        judged = [{**row, "hit": hit, "log": "as it is"} for row, hit in zip(asked, hits, strict=True)]
        tsv(folder / f"Model-7B_{name}.tsv", asked)
        tsv(folder / f"Model-7B_{name}_gpt-4o-mini_result.tsv", judged)
        (folder / f"Model-7B_{name}_acc.csv").write_text(f"split,Overall\ndev,{sum(hits) / 2}\n", encoding="utf-8")
    found = mmbench.import_run("vlmevalkit", folder, out=tmp_path / "runs")
    values = {
        name.partition("/")[2]: task.metrics["hit(tool=vlmevalkit)"].value for name, task in found.run.tasks.items()
    }
    assert values == {"MMBench_DEV_EN": 0.5, "MMBench_DEV_EN_V11": 1.0, "MMBench_DEV_EN_V11_MINI": 0.0}
    assert not any("reported" in note for note in found.notes)


@pytest.mark.parametrize("judge", ["", "openai_", "exact_matching_", "gpt-4o-mini_", "qwen2.5-72b_"])
def test_a_judged_table_of_vlmevalkit_is_enough(tmp_path: Path, judge: str) -> None:
    rows = [{"index": n, "question": "?", "answer": "7", "prediction": "7", "hit": 1} for n in range(3)]
    table = tsv(tmp_path / f"Model_v1.5_MMBench_DEV_EN_{judge}result.tsv", rows)
    found = mmbench.import_run("vlmevalkit", table, out=tmp_path / "runs")
    assert found.run.model.name == "vlmevalkit/Model_v1.5"
    assert list(found.run.tasks) == ["vlmevalkit/MMBench_DEV_EN"]


def test_the_value_of_vlmevalkit_is_the_one_over_everything_that_is_a_mean(tmp_path: Path) -> None:
    """Its tables of yes-no questions begin with F1, those of other tasks with one of several skills."""
    rows = [
        {"index": n, "question": f"{n}?", "answer": "Yes", "prediction": "Yes", "extracted": "Yes", "score": n < 3}
        for n in range(4)
    ]
    table = tsv(tmp_path / "M_POPE_auxmatch.tsv", rows)
    scores = tmp_path / "M_POPE_score.csv"
    notes = {}
    for text in (
        "split,Overall,acc,precision\nOverall,85.7,75.0,100.0\nrandom,91.0,92.0,93.0\n",
        "Category,tot,acc\nrec,2,50.0\nOverall,4,75.0\n",
        "Category,Total,Hit,Accuracy\nOverall,4,3,75.0\nrec,2,2,100.0\n",
        "split,Overall\ndev,50.0\ntest,100.0\n",
        "Overall\n60.0\n",
    ):
        scores.write_text(text, encoding="utf-8")
        found = mmbench.import_run("vlmevalkit", [table, scores], out=tmp_path / "runs")
        assert [row.value for row in found.run.rows()] == [0.75]
        notes[text] = len(found.notes)
    assert list(notes.values()) == [0, 0, 0, 0, 1]


def test_what_vlmevalkit_writes_for_failures_and_thoughts_is_no_answer(tmp_path: Path) -> None:
    said = [
        "Failed to obtain answer.",
        "Failed to obtain answer: <class 'KeyError'> 'x'",
        "no: Failed to obtain answer",
        "7",
    ]
    rows = [
        {"index": n, "question": "?", "answer": "7", "prediction": text, "thinking": f"hm {n}", "verifier_match": 1.0}
        for n, text in enumerate(said)
    ]
    found = mmbench.import_run("vlmevalkit", tsv(tmp_path / "M_DATA_detailed_results.tsv", rows), out=tmp_path / "runs")
    (task,) = found.run.tasks.values()
    lines = list(task.responses())
    assert [line.status for line in lines] == ["error", "error", "ok", "ok"]
    assert lines[1].error is not None
    assert "KeyError" in lines[1].error
    assert [line.reasoning for line in lines] == ["hm 0", "hm 1", "hm 2", "hm 3"]
    assert list(task.metrics) == ["verifier_match(tool=vlmevalkit)"]


# --- what an imported run is not ---


def test_an_imported_run_is_a_baseline_only_when_that_is_said(tmp_path: Path) -> None:
    path = imported("lm-eval", tmp_path).path
    with pytest.raises(NotComparableError):
        mmbench.save_baseline(path, tmp_path / "base.json")
    assert not (tmp_path / "base.json").exists()
    other = mmbench.import_run("lm-eval", path.parent.parent / "in", model="other", out=tmp_path / "runs").path
    with pytest.raises(NotComparableError):
        mmbench.gate(other, baselines=path)
    saved = mmbench.save_baseline(path, tmp_path / "base.json", allow="imported,partial")
    assert saved.after.record.imported is not None
    assert mmbench.gate(path, baselines=tmp_path / "base.json").exit_code == 0
    assert mmbench.gate(other, baselines=path, allow="imported").exit_code == 0


def test_an_imported_run_is_compared_reported_and_exported(tmp_path: Path) -> None:
    one = imported("lm-eval", tmp_path)
    other = mmbench.import_run(
        "lm-eval",
        lm_eval(tmp_path / "other", fix=lambda lines: [{**line, "exact_match": 1.0} for line in lines]),
        out=tmp_path / "runs",
    )
    found = mmbench.compare(one.path, other.path)
    assert found.metrics[0].difference.value == 0.5
    assert len(mmbench.report([one.path, other.path]).tables) > 1
    for name, target in (("csv", "a.csv"), ("eee", "eee"), ("inspect", "logs"), ("model-index", "m.yaml")):
        assert mmbench.export(one.path, name, tmp_path / target)


# --- what the tools really wrote ---


def peers(shared_data: Path) -> dict[str, list[Path]]:
    folder = shared_data.parent / "cases" / "peers"
    if not folder.is_dir():
        pytest.skip("the outputs of other tools are not here")
    return {
        "lmms-eval": [folder / "lmms-eval_results.json", folder / "lmms-eval_samples_evqa.jsonl"],
        "lm-eval": [folder / "lm-eval_results.json", folder / "lm-eval_samples_evqa_text.jsonl"],
        "inspect": [folder / "inspect.eval"],
    }


def test_real_outputs_of_three_tools_give_their_number_and_differ_in_what_was_asked(
    shared_data: Path, tmp_path: Path
) -> None:
    runs = {tool: mmbench.import_run(tool, paths, out=tmp_path) for tool, paths in peers(shared_data).items()}
    assert {row.value for each in runs.values() for row in each.run.rows()} == {0.375}
    for one, other in (("lmms-eval", "lm-eval"), ("lm-eval", "inspect"), ("inspect", "lmms-eval")):
        (found,) = mmbench.explain(runs[one].path, runs[other].path).tasks
        own = found.attribution
        assert (own.shared, own.same_output, own.gap) == (40, 40, 0.0)
        assert {part.points for part in own.parts} == {0.0}
        sent = [fact for fact in found.facts if fact.name == "images sent"]
        assert [fact.samples for fact in sent] == ([40] if "lm-eval" in (one, other) else [])
    part = mmbench.import_run(
        "inspect", peers(shared_data)["inspect"][0].with_name("inspect_first10.json"), out=tmp_path
    )
    (found,) = mmbench.explain(runs["lm-eval"].path, part.path).tasks
    own = found.attribution
    assert own.only_a == 30
    assert own.points("samples") == pytest.approx(own.gap)


def test_a_key_among_the_arguments_of_a_model_is_not_kept(tmp_path: Path) -> None:
    config = {"model": "openai", "model_args": "model=org/m,api_key=sk-123,base_url=https://me:pw@host/v1"}
    paths = lm_eval(tmp_path / "in")
    results = next(path for path in paths if path.suffix == ".json")
    document = json.loads(results.read_text(encoding="utf-8"))
    results.write_text(json.dumps({**document, "config": {**document["config"], **config}}), encoding="utf-8")
    found = mmbench.import_run("lm-eval", paths, out=tmp_path / "runs")
    assert found.run.record.imported.model == "org/m"
    written = "".join(path.read_text(encoding="utf-8") for path in found.path.rglob("*.json*"))
    assert "base_url" in written
    assert "sk-123" not in written
    assert "me:pw" not in written
