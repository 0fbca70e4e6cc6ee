"""The command that makes a run again."""

from stored import TASK, score_table, write_run

from mmbench.resolve.again import run_command
from mmbench.results.find import load_run


def test_it_says_what_differs_from_the_defaults_and_names_no_folder_of_the_machine(tmp_path):
    run = load_run(write_run(tmp_path, "m", {TASK: [score_table([1.0])]}))
    run.record.spec.update(
        {"limit": 3, "batch_size": "auto", "checkpoints": "/home/me/kept", "cache": "/home/me/cache"}
    )
    assert run_command(run) == f"mmbench run --model m --tasks {TASK} --limit 3"
