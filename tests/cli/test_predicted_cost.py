"""What other prompts would cost: the sum of the fit, what it cannot tell, and what is refused."""

import json
from pathlib import Path

import pytest
from stored import measured, score_table, write_run

import mmbench
from mmbench.core.errors import UsageError
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, CostFit, PerfFile, PerfReason

FITS = [
    CostFit(unit="s", fixed=0.5, per_input_token=0.001, per_output_token=0.02, n=100, error=0.04),
    CostFit(unit="USD", fixed=0.0, per_input_token=2e-6, per_megapixel=0.003, per_output_token=8e-6, n=90, error=0.01),
]


def run_with(tmp_path: Path, fits: list[CostFit], reasons: list[PerfReason] = []) -> Path:  # noqa: B006
    path = write_run(tmp_path, "m", {"vqa/a": [score_table([1.0, 0.0])]})
    perf = measured({"samples_per_s": 5.0}, reasons, fits=fits)
    RunDirectory(path).write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks={"vqa/a": perf}))
    return path


def test_a_request_costs_the_sum_of_its_parts(tmp_path: Path) -> None:
    path = run_with(tmp_path, FITS)
    seconds, dollars = mmbench.predict_costs(path, input_tokens=800, megapixels=0.3, output_tokens=120)
    assert seconds.per_request == pytest.approx(0.5 + 0.8 + 2.4)
    assert dollars.per_request == pytest.approx(0.0016 + 0.0009 + 0.00096)
    assert (seconds.unit, seconds.error, seconds.n, seconds.ignored) == ("s", 0.04, 100, ("megapixels",))
    assert (dollars.unit, dollars.ignored, dollars.reasons) == ("USD", (), ())


def test_the_screen_and_the_json_show_the_same(tmp_path: Path, call) -> None:
    path = run_with(tmp_path, FITS, [PerfReason(code="throttled", detail="the clock fell")])
    shown = call("show", path, "--predict", "in=800, mp=0.3, out=120").out
    assert "3.7" in shown
    assert "0.00346" in shown
    text = call("show", path, "--predict", "in=800,mp=0.3,out=120", "--json").out
    assert "3.7" in text
    assert "the clock fell" in json.dumps(json.loads(text))


@pytest.mark.parametrize(
    "text", ["", "in", "in=x", "tokens=3", "in=-1", "out=inf", "in=5", "in=800,out=120", "in=1,mp=0.3,out=120,in=2"]
)
def test_what_is_no_mix_or_too_little_of_one_is_refused(tmp_path: Path, call, text: str) -> None:
    assert call("show", run_with(tmp_path, FITS), "--predict", text).code == 2


def test_a_run_without_a_fit_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="20 calls"):
        mmbench.predict_costs(run_with(tmp_path, []), input_tokens=1)
