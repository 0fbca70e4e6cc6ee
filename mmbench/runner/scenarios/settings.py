"""What a user asks of ``--perf full``."""

from __future__ import annotations

from dataclasses import dataclass

from mmbench.core.spec import RunSpec
from mmbench.perf.targets import Target, read_targets


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How much is measured, and under which load."""

    requests: int
    """Requests of a load at most."""
    seconds: float
    """Seconds in which a load makes new requests at most."""
    concurrency: int
    """Requests in flight at most, in a closed loop."""
    seed: int
    """Of all that is drawn."""
    rate: float | None = None
    """Requests a second of the open loop; None: not given."""
    find_max_rate: bool = False
    """Whether the highest rate is looked for that meets the targets."""
    targets: tuple[Target, ...] = ()
    """Latency targets."""
    workload: str = "samples"
    """What is asked, for the identity of figures: ``samples``, the form of what is drawn, or name and digest of a trace."""
    arrivals: tuple[float, ...] = ()
    """Arrival times of a trace, in seconds; empty where it has none."""

    @classmethod
    def of(cls, spec: RunSpec, workload: str = "samples", arrivals: tuple[float, ...] = ()) -> LoadSettings:
        """The settings of a run, with the name of its workload and the arrivals of its trace."""
        return cls(
            requests=spec.perf_requests,
            seconds=spec.perf_seconds,
            concurrency=spec.concurrency,
            seed=spec.seed,
            rate=spec.rate,
            find_max_rate=spec.find_max_rate,
            targets=read_targets(spec.slo) if spec.slo else (),
            workload=workload,
            arrivals=arrivals,
        )
