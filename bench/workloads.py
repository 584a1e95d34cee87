"""The workloads of the load generator, by name."""

from dataclasses import dataclass

PING_INTERVAL_SECONDS = 25
"""The ping interval of every server. Idle runs last this long, so each client is pinged once."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One run of the load generator.

    Attributes:
        arguments: Arguments of the generator, in addition to the arguments that all workloads have.
        alone: Whether the workload needs a newly started server. Such a workload runs in the first
            round only, because the memory per connection does not vary.
        seconds: The duration of the measurement; None for the default of the run.
    """

    name: str
    arguments: tuple[str, ...]
    alone: bool = False
    seconds: float | None = None


def _workload(name: str, arguments: str) -> Workload:
    return Workload(name, tuple(arguments.split()))


def _idle(name: str, connections: int) -> Workload:
    arguments = f"--mode idle --conns {connections} --warmup 2"
    return Workload(name, tuple(arguments.split()), alone=True, seconds=PING_INTERVAL_SECONDS)


WORKLOADS = {
    each.name: each
    for each in (
        _workload("ack", "--mode ack --conns 100"),
        _workload("ack16", "--mode ack --conns 50 --window 16"),
        _workload("fan10", "--mode fanout --conns 10 --senders 4 --channels a"),
        _workload("fan10x100", "--mode fanout --conns 1000 --rooms 100 --channels r"),
        _workload("fan100", "--mode fanout --conns 100 --senders 4 --channels b"),
        _workload("fan1000", "--mode fanout --conns 1000 --senders 2 --channels c"),
        _workload("fan100r", "--mode fanout --conns 100 --senders 20 --rate 100 --channels b"),
        _workload(
            "chat", "--mode chat --conns 1000 --rooms 100 --every 10 --warmup 4 --channels r"
        ),
        _workload("connect", "--mode connect --conns 5000 --first 2000"),
        _idle("idle5k", 5_000),
        _idle("idle19k", 19_000),
    )
}

WARM_UP = (WORKLOADS["ack"], WORKLOADS["fan100"])
"""The workloads that run first: without a warm-up, a JIT compiler distorts the figures."""
