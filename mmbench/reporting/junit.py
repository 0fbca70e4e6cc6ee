"""Write the verdicts of a gate as JUnit XML, which CI systems show as tests."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from mmbench.gating.verdicts import GateResult, Verdict
from mmbench.reporting.verdict_words import headline, reason_text, verdict_text

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, even escaped (section 2.2): most control characters, surrogates, U+FFFE and U+FFFF."""


def junit_xml(result: GateResult) -> bytes:
    """One test suite with a test a rule: violated is a failure, undecided an error. UTF-8; hostile text is escaped.

    Names of the suite and its tests depend on model and rules alone, so that CI systems know a test again; how the gate
    ended is in the suite's output.

    A character that XML cannot hold becomes U+FFFD.
    """
    outcomes = [verdict.outcome for verdict in result.verdicts]
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("violated")),
        "errors": str(outcomes.count("undecided")),
    }
    root = Element("testsuites", counts)
    suite = SubElement(root, "testsuite", {"name": _legal(f"mmbench gate {result.model}".rstrip()), **counts})
    if result.push is not None:
        facts = SubElement(suite, "properties")
        for name, value in result.push.to_dict().items():
            SubElement(facts, "property", {"name": name, "value": str(value)})
    for verdict in result.verdicts:
        _case(suite, verdict)
    SubElement(suite, "system-out").text = _legal(headline(result))
    data: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _case(suite: Element, verdict: Verdict) -> None:
    rule = verdict.check.rule
    case = SubElement(suite, "testcase", {"classname": _legal(rule.task), "name": _legal(rule.text)})
    facts = "\n".join(f"{name}: {value}" for name, value in verdict.to_dict().items() if isinstance(value, int | float))
    shown = verdict_text(verdict)
    message = _legal(f"{shown}: {reason_text(verdict)}")
    if verdict.outcome == "passed":
        SubElement(case, "system-out").text = f"{message}\n{facts}"
    else:
        tag = "failure" if verdict.outcome == "violated" else "error"
        SubElement(case, tag, {"message": message, "type": shown}).text = facts


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
