"""What other evaluation tools write, as small files of four questions, two of which are answered right."""

import json
import zipfile
from pathlib import Path
from typing import Any

import mmbench

QUESTIONS = ("what is it?", "is it red?", "is it blue?", "how many?")
RIGHT = ("cat", "yes", "no", "two")
SAID = ("cat", "Yes.", "yes", "3")
HITS = (1.0, 1.0, 0.0, 0.0)


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
