"""A gate on every push: pushes are counted in a ledger, and share alpha."""

import json
import math
import threading
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from helpers import edit_json
from scipy import stats as scipy_stats
from stored import TASK, score_table, write_run

from mmbench.core import NotComparableError, RunFailedError, UsageError
from mmbench.core.errors import DamagedFileError, NewerSchemaError
from mmbench.gating import ledger as ledger_room
from mmbench.gating.decide import decide_regressions
from mmbench.gating.judge import gate
from mmbench.gating.ledger import Push, read_ledger
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.rules import parse_requirement
from mmbench.reporting.gate import gate_table
from mmbench.reporting.junit import junit_xml
from mmbench.reporting.verdict_words import gate_document
from mmbench.results.baseline import save_baseline
from mmbench.results.find import load_run
from mmbench.stats import Difference

NAME = f"{TASK}:accuracy"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for name, right in (("base", 150), ("other", 151), ("one", 149), ("two", 148), ("three", 140)):
        write_run(tmp_path, name, {TASK: [score_table([1.0] * right + [0.0] * (200 - right))]})
    return tmp_path


def gated(out: Path, run: str, *rules: str, baseline: str | Path = "base"):
    checked = [parse_requirement(rule) for rule in rules]
    return gate([load_run(run, out)], [load_run(baseline, out)], checked, ledger=out / "ledger.json")


def test_push_k_spends_its_share_of_alpha(out):
    for number, run in enumerate(("one", "two", "three"), 1):
        result = gated(out, run)
        assert (result.push.number, result.push.counted_before) == (number, False)
        (verdict,) = gate_document(result)["verdicts"]
        assert verdict["alpha"] == pytest.approx(6 * 0.05 / (math.pi**2 * number**2))
        assert verdict["rule"] == f"{NAME} drop<=0pt"


def test_the_shares_sum_to_one():
    total = math.fsum(Push(k, counted_before=False, baseline="").share for k in range(1, 100_000))
    assert 1 - 1e-5 < total < 1


def test_the_level_of_the_push_decides(out):
    write_run(out, "worse", {TASK: [score_table([1.0] * 145 + [0.0] * 55)]})  # 5 lost of 200: p = 0.0127
    assert gated(out, "worse").exit_code == 1
    (out / "ledger.json").unlink()
    for run in ("one", "two"):
        gated(out, run)
    result = gated(out, "worse")
    assert (result.push.number, result.exit_code) == (3, 0)
    assert 0.05 * result.push.share < result.verdicts[0].p_value < 0.05


def test_the_same_candidate_and_rules_keep_their_number(out):
    gated(out, "one")
    kept = (out / "ledger.json").read_bytes()
    again = gated(out, "one")
    assert (again.push.number, again.push.counted_before) == (1, True)
    assert (out / "ledger.json").read_bytes() == kept
    assert gated(out, "two").push.number == 2
    assert gated(out, "one").push.number == 1
    assert gated(out, "one", f"{NAME} drop<2pt").push.number == 3


def test_a_new_baseline_counts_from_one_and_a_saved_file_is_its_run(out):
    gated(out, "one")
    save_baseline("base", out / "b.json", out)
    assert gated(out, "one", baseline=out / "b.json").push.counted_before
    assert gated(out, "two", baseline=out / "b.json").push.number == 2
    assert gated(out, "two", baseline="other").push.number == 1
    assert gated(out, "three").push.number == 3
    assert sorted(map(len, read_ledger(out / "ledger.json").baselines.values())) == [1, 3]


def test_rules_that_make_no_sense_spend_nothing(out):
    with pytest.raises(UsageError):
        gated(out, "one", f"{TASK}:acuracy drop<1pt")
    with pytest.raises(UsageError, match="--baseline"):
        gate([load_run("one", out)], [], [parse_requirement(f"{NAME} >= 0.5")], ledger=out / "ledger.json")
    assert not (out / "ledger.json").exists()


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), DamagedFileError),
        (lambda path: path.write_bytes(b""), DamagedFileError),
        (lambda path: path.write_bytes(b"\xff\xfe"), DamagedFileError),
        (lambda path: edit_json(path, lambda document: document.update(pushes=3)), DamagedFileError),
        (lambda path: edit_json(path, lambda document: document["baselines"].clear()), DamagedFileError),
        (lambda path: edit_json(path, lambda document: document.update(version=True)), DamagedFileError),
        (lambda path: edit_json(path, lambda document: document.update(version=2)), NewerSchemaError),
        (lambda path: path.write_text('{"format": "mmbench-baseline"}'), NotComparableError),
    ],
)
def test_a_ledger_that_is_not_as_it_was_written_is_refused_and_left(out, damage, error):
    gated(out, "one")
    path = out / "ledger.json"
    damage(path)
    left = path.read_bytes()
    with pytest.raises(error):
        gated(out, "two")
    assert path.read_bytes() == left


def test_a_ledger_that_cannot_be_written_gives_no_verdict(out):
    (out / "ledger.json.d").mkdir()
    with pytest.raises((NotComparableError, RunFailedError)):
        gate([load_run("one", out)], [load_run("base", out)], ledger=out / "ledger.json.d")


def test_a_ledger_that_another_gate_holds_is_waited_for(out, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(ledger_room, "WAIT_S", 0.05)
    with FileLock(out / ".ledger.json.lock"), pytest.raises(RunFailedError, match="another gate"):
        gated(out, "one")
    assert gated(out, "one").push.number == 1


def test_gates_at_the_same_time_count_one_after_the_other(out):
    sides = {run: load_run(run, out) for run in ("base", "one", "two", "three", "other")}
    found = []

    def once(run: str) -> None:
        found.append(gate([sides[run]], [sides["base"]], ledger=out / "ledger.json").push.number)

    threads = [threading.Thread(target=once, args=(run,)) for run in ("one", "two", "three", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [1, 2, 3, 4]


def test_every_output_says_which_push_it_was(out):
    gated(out, "one")
    result = gated(out, "two")
    document = gate_document(result)["sequential"]
    assert (document["push"], document["counted_before"]) == (2, False)
    assert document["baseline_digest"] in json.loads((out / "ledger.json").read_text())["baselines"]
    assert "push 2" in " ".join(gate_table(result).said)
    properties = {each.get("name"): each.get("value") for each in ET.fromstring(junit_xml(result)).iter("property")}
    assert properties["push"] == "2"
    assert float(properties["share_of_alpha"]) == pytest.approx(6 / (math.pi**2 * 4))


@pytest.mark.slow
def test_all_pushes_together_raise_a_false_alarm_no_more_often_than_alpha_says():
    """A hundred pushes of equal models, all beside one baseline: with a ledger at most 5 % of histories have an alarm."""
    generator, histories, pushes = np.random.default_rng(18), 1000, 100
    baseline = generator.normal(size=(histories, 1))
    drops = (baseline + generator.normal(size=(histories, pushes))) / 2**0.5  # in standard errors
    alone, together = 0, 0
    for history in drops:
        alarms = {"alone": False, "together": False}
        p_values = scipy_stats.norm.sf(history)
        for number, (drop, p) in enumerate(zip(history, p_values, strict=True), 1):
            if p > 0.05:
                continue
            difference = Difference(drop, drop - 2, drop + 2, 1.0, 2 * p, 1 - p, p, 1000, 1000, "paired-cluster-t")
            for name, share in (("alone", 1.0), ("together", Push(number, counted_before=False, baseline="").share)):
                check = RuleCheck(parse_requirement(f"{NAME} drop<0pt"), share=share)
                (verdict,) = decide_regressions([(check, difference, 100)])
                alarms[name] |= verdict.outcome == "violated"
        alone += alarms["alone"]
        together += alarms["together"]
    assert alone / histories > 0.5
    assert together / histories <= 0.05 + 1.645 * (0.05 * 0.95 / histories) ** 0.5
