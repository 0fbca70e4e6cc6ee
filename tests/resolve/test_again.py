"""The commands that made a run."""

from types import SimpleNamespace

from stored import TASK, score_table, write_run

from mmbench.resolve.again import run_commands
from mmbench.results.find import load_run
from mmbench.runner.entries import specs_before


def test_it_says_what_differs_from_the_defaults_and_names_no_folder_of_the_machine(tmp_path):
    run = load_run(write_run(tmp_path, "m", {TASK: [score_table([1.0])]}))
    run.record.spec.update(
        {"limit": 3, "batch_size": "auto", "checkpoints": "/home/me/kept", "cache": "/home/me/cache"}
    )
    assert run_commands(run) == [f"mmbench run --model m --tasks {TASK} --limit 3"]


def test_a_run_that_several_commands_extended_names_them_in_the_order_of_their_last_time(tmp_path):
    run = load_run(write_run(tmp_path, "m", {TASK: [score_table([1.0])]}))
    first, second, again = {"limit": 3, "cache": "/home/me/a"}, {"limit": 5}, {"limit": 3, "cache": "/home/me/b"}
    run.record.earlier_specs.extend([first, second, again])
    run.record.spec.update({"limit": 9})
    ends = [command.rpartition(" ")[2] for command in run_commands(run)]
    assert ends == ["5", "3", "9"]


def test_sessions_before_stand_once_at_their_last_time_and_without_the_one_that_runs_now():
    earlier = [{"limit": n} for n in (1, 2, 3)]
    run = SimpleNamespace(earlier_specs=earlier, spec={"limit": 1, "shard": "1/2"})
    found = specs_before({"limit": 2, "shard": None}, [run], shard=None)
    assert found == [{"limit": 3, "shard": None}, {"limit": 1, "shard": None}]
