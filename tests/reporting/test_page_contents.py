"""What the views of the HTML page are given."""

import shutil

from stored import TASK, score_table, write_run

from mmbench.reporting.build import make_report
from mmbench.reporting.page.contents import page_contents


def test_boards_of_one_task_on_other_samples_have_titles_of_their_own(tmp_path):
    for model, scores in (("few", [1.0, 0.0]), ("many", [1.0, 0.0, 1.0])):
        write_run(tmp_path, model, {TASK: [score_table(scores, slices={"kind": ["a"] * len(scores)})]})
    contents, blocks = page_contents(make_report(sorted(tmp_path.glob("*"))))
    titles = {board.title for board in contents.boards}
    assert len(titles) == 2
    assert {block.name for block in blocks if block.kind == "slices"} == titles


def test_shards_are_left_out_beside_the_run_that_they_were_merged_into(tmp_path):
    whole = write_run(tmp_path, "m", {TASK: [score_table([1.0, 0.0])]})
    for number in (1, 2):
        shutil.copytree(whole, whole.with_name(f"{whole.name}.shard-{number}-of-2"))
    report = make_report(sorted(tmp_path.glob("*")))
    assert [run.path for run in report.runs] == [whole]
    assert len(report.read.notes) == 1
