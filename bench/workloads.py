"""What the load generator does to a server, by name."""

from dataclasses import dataclass

PING_INTERVAL_SECONDS = 25
"""Of every server here: idle connections are watched for as long, so that each is pinged once."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One run of the load generator.

    Attributes:
        arguments: Of the generator, beside those that every run has.
        alone: It has a server of its own that did nothing before, and one round is enough: memory
            is that of the connections, and does not vary.
        seconds: How long it measures; None for the run's usual time.
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
"""What every server does before it is measured: a JIT compiler's first figures are too high."""
