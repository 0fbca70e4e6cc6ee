"""The contract that every fusion keeps: `check_fusion` says what a fusion, ours or yours, breaks.

The checks run in float64 on small random inputs, change no global state, and take a second or two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from mmbench.testing import Check, Report
from mmbench_baselines.card import Sizes
from mmbench_baselines.contract import additivity, inputs, module
from mmbench_baselines.contract.subject import WIDTH, BrokenPromiseError, Factory, Subject
from mmbench_baselines.threads import compute_threads

CHECKS: Mapping[str, Callable[[Subject], str]] = {
    "builds": module.check_builds,
    "registered": module.check_registered,
    "parameter-count": module.check_parameter_count,
    "gradient": module.check_gradient,
    "state-dict": module.check_state_dict,
    "rows": inputs.check_rows,
    "padding": inputs.check_padding,
    "order": inputs.check_order,
    "present": inputs.check_present,
    "names": inputs.check_names,
    "additive": additivity.check_additive,
    "xor": additivity.check_xor,
}
"""Every check by name: it returns what it found, or raises `BrokenPromiseError`."""


def check_fusion(
    factory: Factory, *, modalities: tuple[str, ...] = ("image", "text"), seed: int = 0, skip: Collection[str] = ()
) -> Report:
    """Check every promise of a fusion.

    Args:
        factory: Makes a fusion from `Sizes`: a module with ``additive``, ``closed_form`` and ``forward(encoded,
            present)``, as `fusions.base.Fusion` has them.
        modalities: The modalities that it fuses.
        seed: Seed of weights and inputs.
        skip: Names of checks to leave out; ``xor``, which trains, takes longest.

    Returns:
        One check for each promise. Whatever the fusion raises is a failed check.
    """
    subject = Subject(factory, Sizes(modalities, WIDTH, WIDTH), seed)
    checks: list[Check] = []
    for name, check in CHECKS.items():
        if name in skip:
            continue
        try:
            with compute_threads(None):
                checks.append(Check(name, "pass", check(subject)))
        except BrokenPromiseError as error:
            checks.append(Check(name, "fail", str(error)))
        except Exception as error:  # noqa: BLE001 - a fusion may raise anything; it is reported
            checks.append(Check(name, "fail", f"{type(error).__name__}: {error}"))
        if name == "builds" and checks[-1].status == "fail":
            break
    name = getattr(factory, "name", "") or getattr(factory, "__name__", type(factory).__name__)
    return Report("fusion", str(name), tuple(checks))
