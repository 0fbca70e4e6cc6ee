"""The scenarios by name, and those that a run measures."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.errors import UnknownNameError
from mmbench.runner.scenarios.offline import Offline
from mmbench.runner.scenarios.scenario import Facts, Scenario
from mmbench.runner.scenarios.server import Server
from mmbench.runner.scenarios.settings import LoadSettings
from mmbench.runner.scenarios.single_stream import SingleStream, most_warm_up
from mmbench.runner.scenarios.sweep import Sweep

SCENARIOS: dict[str, type[Scenario]] = {each.name: each for each in (SingleStream, Offline, Server, Sweep)}
"""Name to scenario, in the order in which they are measured."""


def chosen(names: Sequence[str], settings: LoadSettings, facts: Facts) -> list[Scenario]:
    """The scenarios that a run measures, checked against what is known of the model.

    Args:
        names: As given; none: single-stream, then offline for a model that takes one call at a time, else sweep, and server
            where a rate is given or looked for.
        settings: What the user asked for.
        facts: What is known of model and prompts.

    Raises:
        UnknownNameError: For a name that no scenario has.
        UsageError: For a scenario that the model cannot be measured in.
    """
    wanted = list(names) or _usual(settings, facts)
    for name in wanted:
        if name not in SCENARIOS:
            raise UnknownNameError("scenario", name, SCENARIOS, hint=f"There are: {', '.join(SCENARIOS)}.")
    found = [scenario(settings) for name, scenario in SCENARIOS.items() if name in wanted]
    for scenario in found:
        scenario.check(facts)
    return found


def _usual(settings: LoadSettings, facts: Facts) -> list[str]:
    arrives = settings.rate is not None or settings.find_max_rate or bool(settings.arrivals)
    server = [Server.name] if arrives else []
    return [SingleStream.name, *server, Sweep.name if facts.concurrent else Offline.name]


def most_requests(scenarios: Sequence[Scenario], facts: Facts, *, remote: bool) -> int:
    """Requests that all of them make at most, the warm-up included."""
    return most_warm_up(remote) + sum(scenario.most_requests(facts) for scenario in scenarios)
