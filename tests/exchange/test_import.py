"""Runs of other tools become run directories: the same number, marked as imported, or nothing at all."""

import json
import math
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, write_questions

import mmbench
from mmbench.core.errors import DataError, NotComparableError, UnknownNameError, UsageError
from mmbench.exchange.importers import read_peer
from mmbench.exchange.peer_files import peer_files

QUESTIONS = ("what is it?", "is it red?", "is it blue?", "how many?")
RIGHT = ("cat", "yes", "no", "two")
SAID = ("cat", "Yes.", "yes", "3")
HITS = (1.0, 1.0, 0.0, 0.0)


# --- what each tool writes, as its files look ---


def lm_eval(folder: Path, *, config: dict[str, Any] | None = None, fix: Any = None) -> list[Path]:
    lines = [
        {
            "doc_id": n,
            "doc": {"question": QUESTIONS[n], "image": f"image{n // 2}"},
            "target": RIGHT[n],
            "arguments": {
                "gen_args_0": {"arg_0": f"{QUESTIONS[n]}\nOne word.", "arg_1": {"max_gen_toks": 8, "until": ["\n"]}}
            },
            "resps": [[SAID[n]]],
            "filtered_resps": [SAID[n].strip(".").lower()],
            "filter": kept,
            "metrics": ["exact_match"],
            "prompt_hash": "x",
            "exact_match": HITS[n] if kept == "none" else 1.0,
        }
        for kept in ("none", "strict-match")
        for n in range(4)
    ]
    lines = fix(lines) if fix else lines
    results = {"exact_match,none": 0.5, "exact_match,strict-match": 1.0}
    document = {
        "results": {"my_vqa": results},
        "configs": {
            "my_vqa": {
                "metric_list": [{"metric": "exact_match"}],
                "generation_kwargs": {"temperature": 0.7},
                **(config or {}),
            }
        },
        "higher_is_better": {"my_vqa": {"exact_match": True}},
        "n-samples": {"my_vqa": {"original": 9, "effective": 4}},
        "config": {"model": "hf", "model_args": "pretrained=org/model-7b,dtype=float16", "random_seed": 3},
        "lm_eval_version": "0.4.13",
        "date": 1795840051.5,
    }
    return files(
        folder, {"results_2026-11-28T01-02-03.json": document}, {"samples_my_vqa_2026-11-28T01-02-03.5.jsonl": lines}
    )


def lmms_eval(folder: Path) -> list[Path]:
    lines = [
        {
            "doc_id": n,
            "target": RIGHT[n],
            "filtered_resps": SAID[n],
            "token_counts": [{"input_tokens": 10, "output_tokens": 8 if n == 3 else 1}],
            "input": f"{QUESTIONS[n]} One word.",
            "my_acc": {"question_id": str(n), "score": HITS[n]},
            "whole": [RIGHT[n], SAID[n]],
        }
        for n in range(4)
    ]
    document = {
        "results": {"my_vqa": {"my_acc,none": 2.0, "whole,none": 0.3}},
        "configs": {
            "my_vqa": {
                "metric_list": [{"metric": "my_acc"}, {"metric": "whole"}],
                "doc_to_visual": "<function f at 0x7f>",
                "generation_kwargs": {"max_new_tokens": 8},
                "metadata": [{"version": 1.5}],
            }
        },
        "config": {"model": "qwen", "model_args": "pretrained=org/model-7b"},
        "lmms_eval_version": "0.7.3",
        "date": "20261128_122421",
    }
    return files(folder, {"20261128_122421_results.json": document}, {"20261128_122421_samples_my_vqa.jsonl": lines})


def inspect_log(*, version: int = 2) -> dict[str, Any]:
    ends = ("stop", "stop", "max_tokens", "content_filter")
    return {
        "version": version,
        "status": "success",
        "eval": {
            "eval_id": "e",
            "task": "my_vqa",
            "task_version": 0,
            "model": "openai/m",
            "dataset": {"sample_ids": [1, 2, 3, 4, 5]},
            "model_generate_config": {"max_tokens": 8},
            "packages": {"inspect_ai": "0.3.285"},
            "created": "2026-11-28T04:26:38+00:00",
        },
        "results": {"scores": [{"name": "match", "metrics": {"accuracy": {"value": 0.5}}}]},
        "samples": [
            {
                "id": n + 1,
                "epoch": 1,
                "input": [{"role": "user", "content": [{"type": "image", "image": f"attachment://{n // 2}"}, {"type": "text", "text": QUESTIONS[n]}]}],
                "target": RIGHT[n],
                "output": {"completion": SAID[n], "choices": [{"stop_reason": ends[n]}], "usage": {"input_tokens": 9, "output_tokens": 1}},
                "scores": {"match": {"value": "C" if HITS[n] else "I", "answer": SAID[n].lower()}},
            }
            for n in range(4)
        ]
        + [{"id": 5, "epoch": 1, "input": "lost?", "target": "x", "error": {"message": "it broke"}, "scores": {}}],
    }  # fmt: skip


def inspect(folder: Path) -> list[Path]:
    log = inspect_log()
    samples = log.pop("samples")
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / "2026_my-vqa.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(log))
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    return [path]


def vlmevalkit(folder: Path, ending: str = "tsv") -> list[Path]:
    heads = ["index", "question", "answer", "prediction", "category"]
    rows = [[str(n), QUESTIONS[n], RIGHT[n], SAID[n], "kind"] for n in range(4)]
    rows[3][3] = "Failed to obtain answer via API."
    judged = [[*row, str(int(HITS[n])), "because"] for n, row in enumerate(rows)]
    paths = [
        folder / f"Model-7B/Model-7B_MyVQA.{ending}",
        folder / f"Model-7B/Model-7B_MyVQA_exact_matching_result.{ending}",
    ]
    paths[0].parent.mkdir(parents=True)
    for path, lines in zip(paths, ([heads, *rows], [[*heads, "hit", "log"], *judged]), strict=True):
        if ending == "xlsx":
            from openpyxl import Workbook

            book = Workbook()
            for line in lines:
                book.active.append(line)
            book.save(path)
        else:
            path.write_text("\n".join("\t".join(line) for line in lines), encoding="utf-8")
    score = folder / "Model-7B/Model-7B_MyVQA_acc.csv"
    score.write_text('"split","Overall"\n"none","0.5"\n', encoding="utf-8")
    return [*paths, score]


def files(folder: Path, documents: dict[str, Any], samples: dict[str, Any]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
    for name, lines in samples.items():
        (folder / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return [folder / name for name in (*documents, *samples)]


WRITERS = {"lm-eval": lm_eval, "lmms-eval": lmms_eval, "inspect": inspect, "vlmevalkit": vlmevalkit}


def imported(tool: str, folder: Path, **options: Any) -> mmbench.Imported:
    return mmbench.import_run(tool, WRITERS[tool](folder / "in"), out=folder / "runs", **options)


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


def test_importing_again_replaces_the_run_and_leaves_nothing_else(tmp_path: Path) -> None:
    first, second = imported("lm-eval", tmp_path), imported("lm-eval", tmp_path)
    assert first.path == second.path
    assert [each.name for each in (tmp_path / "runs").iterdir()] == [first.path.name]


# --- scored by a task of ours ---


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


# --- bad input ---


def broken(tool: str, folder: Path, how: str) -> list[Path]:
    paths = WRITERS[tool](folder)
    last = paths[0] if tool == "vlmevalkit" else paths[-1]
    data = last.read_bytes()
    if how == "empty":
        last.write_bytes(b"")
    elif how == "truncated":
        last.write_bytes(data[: len(data) * 2 // 3])
    elif how == "noise":
        last.write_bytes(bytes(range(256)) * 20)
    elif how == "list":
        last.write_text("[1, 2]\n", encoding="utf-8")
    elif how == "deep":
        last.write_text("[" * 100_000 + "\n", encoding="utf-8")
    elif how == "nothing":
        last.write_text('{"doc_id": 0}\n', encoding="utf-8")
    return paths


@pytest.mark.parametrize("how", ["empty", "truncated", "noise", "list", "deep", "nothing"])
@pytest.mark.parametrize("tool", ["lm-eval", "lmms-eval", "inspect"])
def test_a_damaged_file_is_one_sentence_and_nothing_is_written(tool: str, how: str, tmp_path: Path) -> None:
    paths = broken(tool, tmp_path / "in", how)
    with pytest.raises(UsageError) as caught:
        mmbench.import_run(tool, paths, out=tmp_path / "runs")
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 600
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("how", ["empty", "noise"])
@pytest.mark.parametrize("ending", ["tsv", "xlsx"])
def test_a_damaged_table_is_one_sentence(how: str, ending: str, tmp_path: Path) -> None:
    path = vlmevalkit(tmp_path, ending)[0]
    path.write_bytes(b"" if how == "empty" else bytes(range(256)) * 20)
    with pytest.raises(UsageError):
        mmbench.import_run("vlmevalkit", path, out=tmp_path / "runs")


@pytest.mark.parametrize("tool", WRITERS)
@pytest.mark.parametrize("other", WRITERS)
def test_the_tool_that_made_the_files_is_named(tool: str, other: str, tmp_path: Path) -> None:
    if tool == other:
        return
    with pytest.raises(UsageError) as caught:
        mmbench.import_run(other, WRITERS[tool](tmp_path / "in")[:1], out=tmp_path / "runs")
    assert f"mmbench import {tool}" in str(caught.value)


def test_odd_values_of_every_kind_do_not_end_in_a_traceback(tmp_path: Path) -> None:
    odd = [None, True, -1, math.pi, 10**400, "", "text", [], [[]], [None], {}, {"a": {"b": []}}, [[["x"]]]]
    names = ("doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "exact_match", "doc_id")
    for name in names:
        for value in odd:
            paths = lm_eval(tmp_path / "in", fix=lambda lines, name=name, value=value: [{**lines[0], name: value}])
            try:
                read_peer("lm-eval", peer_files(paths))
            except (UsageError, NotComparableError):
                continue


def test_an_unknown_version_of_a_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(inspect_log(version=3)), encoding="utf-8")
    with pytest.raises(DataError):
        mmbench.import_run("inspect", path, out=tmp_path / "runs")


def bomb(path: Path, stated: int, method: int = 8) -> None:
    """An archive whose only member unpacks to 64 MiB of zeros and states another size."""
    packer = zlib.compressobj(9, wbits=-15)
    data = packer.compress(bytes(2**26)) + packer.flush()
    name = b"header.json"
    sizes = len(data), stated, len(name)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, method, 0, 0, 0, *sizes, 0) + name
    central = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, method, 0, 0, 0, *sizes, 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    path.write_bytes(local + data + central + end)


@pytest.mark.slow
@pytest.mark.parametrize("stated", [100, 2**30])
@pytest.mark.parametrize("method", [8, 93])
def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_does(
    stated: int, method: int, tmp_path: Path
) -> None:
    bomb(tmp_path / "bomb.eval", stated, method)
    tracemalloc.start()
    with pytest.raises(DataError):
        mmbench.import_run("inspect", tmp_path / "bomb.eval", out=tmp_path / "runs")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**23


def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        mmbench.import_run("helm", tmp_path)
    with pytest.raises(UsageError):
        mmbench.import_run("lm-eval", tmp_path / "none.json")
    with pytest.raises(UsageError):
        mmbench.import_run("lm-eval", [])
    with pytest.raises(UnknownNameError):
        imported("lm-eval", tmp_path, task="other=vqa/scenes")


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
