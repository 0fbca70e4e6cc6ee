"""The adapter passes through the same kit as anybody's model."""

import hashlib

from misbehaving import Call, Reply, answer, document, serving

from mmbench.models.endpoint.adapter import OpenAI
from mmbench.testing import check_model


def behave(call: Call) -> Reply:
    """An answer that depends on the prompt alone, with log-probabilities where they are wanted."""
    number = int(hashlib.sha256(call.prompt.encode()).hexdigest(), 16)
    found = answer(f"answer {number % 97}")
    if call.body.get("logprobs"):
        listed = [{"token": letter, "logprob": -0.1 - (number >> n) % 7} for n, letter in enumerate("ABCDEFGH")]
        found["choices"][0]["logprobs"] = {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": listed}]}
    return document(found)


def test_it_passes_the_conformance_kit() -> None:
    with serving(behave) as server:
        report = check_model(OpenAI, options={"model": "m", "base_url": server.url})
    report.raise_if_failed()
    assert report["generate: alone"].status == report["choose: alone"].status == "pass"
    assert {check.status for check in report} <= {"pass", "skip"}
