"""``mmbench check hf/PATH``: what a checkpoint is asked, how it answers, and whether it answers as by hand."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
from click.testing import CliRunner

from mmbench.cli import check as command
from mmbench.core import CheckpointError, Generate, Generation, UsageError
from mmbench.models.hf.adapter import HuggingFace
from mmbench.testing.checkpoint import check_checkpoint

pytestmark = pytest.mark.slow


def test_everything_that_a_run_depends_on_is_said(llava: Path) -> None:
    report = check_checkpoint(HuggingFace(str(llava)), "hf/llava", by_hand=True)
    assert report.ok
    facts = report.facts
    assert facts["class"] == "LlavaForConditionalGeneration"
    assert facts["dtype"] == "float32"
    assert facts["weights_bytes"] == 4 * facts["parameters"]
    assert facts["image_tokens"] == 16
    assert facts["prompt"].count("<image>") == 1
    assert facts["generation"]["do_sample"] is False
    assert facts["determinism"]["batches"] == "together"
    assert report["by hand"].status == report["by hand, alone"].status == "pass"
    json.dumps(facts, allow_nan=False)


def test_settings_of_the_checkpoint_that_are_set_aside_are_named(llava: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llava, tmp_path / "copy")
    (folder / "generation_config.json").write_text(json.dumps({"repetition_penalty": 1.5, "eos_token_id": 2}))
    report = check_checkpoint(HuggingFace(str(folder)), "hf/copy", by_hand=True)
    assert report["generation"].status == "note"
    assert report.facts["generation_set_aside"] == {"repetition_penalty": 1.5}
    assert report.ok


def test_without_a_chat_template_there_is_a_note(tmp_path: Path) -> None:
    report = check_checkpoint(HuggingFace(str(tiny.llava(tmp_path / "bare", None))), "hf/bare", by_hand=True)
    assert report["chat template"].status == "note"
    assert report["by hand"].status == "pass"


def test_half_precision_is_said_to_depend_on_the_batch(llava: Path) -> None:
    report = check_checkpoint(HuggingFace(str(llava), dtype="bf16"), "hf/llava")
    assert report["batches"].status == "note"
    assert "--batch-size 1" in report["batches"].advice


class Wrong(HuggingFace):
    """Says something else to the second question."""

    def generate(self, requests: Sequence[Generate], inputs: Any) -> list[Generation]:
        found = super().generate(requests, inputs)
        return [Generation("wrong") if place == 1 else answer for place, answer in enumerate(found)]


def test_an_answer_that_is_not_that_by_hand_fails(llava: Path) -> None:
    report = check_checkpoint(Wrong(str(llava)), "hf/llava", by_hand=True)
    assert report["by hand"].status == "fail"
    assert report["by hand, alone"].status == "pass"
    assert not report.ok


def asked(*words: str) -> Any:
    return CliRunner().invoke(command.command, list(words), standalone_mode=False)


def test_the_command_prints_it_and_json_has_all_facts(llava: Path) -> None:
    ended = asked(f"hf/{llava}", "--against", "by-hand", "--json")
    assert ended.return_value == 0
    (report,) = json.loads(ended.stdout)["reports"]
    assert report["facts"]["image_tokens"] == 16
    assert {"loads", "prompt", "batches", "by hand"} <= {check["name"] for check in report["checks"]}


def test_questions_of_a_task_are_asked_where_one_is_named(llava: Path) -> None:
    ended = asked(f"hf/{llava}", "--task", "vqa/scenes", "--json")
    (report,) = json.loads(ended.stdout)["reports"]
    assert "square. Answer" not in report["facts"]["prompt"]
    assert isinstance(asked(f"hf/{llava}", "--task", "retrieval/scenes").exception, UsageError)


def test_what_cannot_be_loaded_is_an_error_and_no_report(llava: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llava, tmp_path / "copy")
    (folder / "model.safetensors").unlink()
    assert isinstance(asked(f"hf/{folder}").exception, CheckpointError)


def test_by_hand_is_for_checkpoints(clip: Path) -> None:
    for name in ("random", f"hf-embed/{clip}", "vqa/scenes"):
        assert isinstance(asked(name, "--against", "by-hand").exception, UsageError)
