"""Run MLPerf's LoadGen and print its latencies and its own summary of them as JSON.

    python loadgen_log.py SCENARIO QUERIES TARGET_NS

It needs the package mlcommons-loadgen, in whatever environment runs it, and nothing of mmbench.
"""

import json
import random
import re
import sys
import tempfile
import time
from pathlib import Path


def run(scenario: str, queries: int, target_ns: int, folder: str) -> None:
    """Let LoadGen ask a system that sleeps exponential times of 0.3 ms on average."""
    import mlperf_loadgen as loadgen

    draw = random.Random(5)

    def issue(samples: list) -> None:
        for sample in samples:
            time.sleep(draw.expovariate(1 / 0.0003))
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(sample.id, 0, 0)])

    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, scenario)
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_query_count = settings.max_query_count = queries
    settings.min_duration_ms = 0
    settings.server_target_qps = 800
    settings.server_target_latency_ns = target_ns
    settings.server_target_latency_percentile = 0.99
    output = loadgen.LogOutputSettings()
    output.outdir = folder
    output.copy_summary_to_stdout = False
    log = loadgen.LogSettings()
    log.enable_trace = True
    log.log_output = output
    system = loadgen.ConstructSUT(issue, lambda: None)
    library = loadgen.ConstructQSL(64, 64, lambda _: None, lambda _: None)
    loadgen.StartTestWithLogSettings(system, library, settings, log, "")
    loadgen.DestroyQSL(library)
    loadgen.DestroySUT(system)


def read(folder: str) -> dict:
    """Latencies in nanoseconds from the trace, and what the summary says of them."""
    trace = Path(folder, "mlperf_log_trace.json").read_text()
    summary = Path(folder, "mlperf_log_summary.txt").read_text()
    percentiles = re.findall(r"^([0-9.]+) percentile latency \(ns\) +: (\d+)", summary, re.MULTILINE)
    estimates = re.findall(r"Early stopping ([0-9.]+)th percentile estimate: (\d+)", summary)
    more = re.search(r"at least (\d+) more queries", summary)
    return {
        "latencies_ns": [int(found) for found in re.findall(r'"complete_ns":(\d+)', trace)],
        "percentiles": {f"{float(p):g}": int(ns) for p, ns in percentiles},
        "early_stopping_estimates": {f"{float(p):g}": int(ns) for p, ns in estimates},
        "early_stopping_met": "Early stopping satisfied: Yes" in summary,
        "more_queries_needed": int(more.group(1)) if more else None,
    }


if __name__ == "__main__":
    name, number, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as temporary:
        run(name, number, target, temporary)
        json.dump({"scenario": name, "target_ns": target, **read(temporary)}, sys.stdout)
