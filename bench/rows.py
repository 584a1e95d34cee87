"""The table's rows, with what must hold for each: the targets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.lineup import NEST, SOCKETIO
from bench.readings import Figure


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one workload, for every server.

    Attributes:
        unit: As it stands behind the figure.
        times_cheaper: By peer, how many times less ours must be.
        at_most: What ours must not exceed.
    """

    title: str
    workload: str
    figure: Figure
    unit: str = "µs"
    times_cheaper: Mapping[str, float] = field(default_factory=dict)
    at_most: float | None = None


def _against(nest: float | None, socketio: float | None) -> dict[str, float]:
    wanted = {NEST: nest, SOCKETIO: socketio}
    return {peer: times for peer, times in wanted.items() if times is not None}


_CPU = Figure.CPU_US

ROWS = (
    Row("guarded event with ack, CPU", "ack", _CPU, times_cheaper=_against(15, 1.3)),
    Row("the same, 16 in flight", "ack16", _CPU, times_cheaper=_against(25, 2)),
    Row("room of 10, CPU per delivery", "fan10", _CPU, times_cheaper=_against(5, 1.7)),
    Row("100 rooms of 10", "fan10x100", _CPU, times_cheaper=_against(5, 1.7)),
    Row("room of 100", "fan100", _CPU, times_cheaper=_against(4.5, 2.5)),
    Row("room of 1,000", "fan1000", _CPU, times_cheaper=_against(2.5, 2)),
    Row("room of 100, 100 messages/s", "fan100r", _CPU, times_cheaper=_against(2, 1.5)),
    Row("mixed chat of 1,000, CPU per event", "chat", _CPU),
    Row(
        "connect with authentication, CPU",
        "connect",
        Figure.CONNECT_US,
        times_cheaper=_against(2.3, 1.2),
    ),
    Row(
        "memory per idle connection, 5,000",
        "idle5k",
        Figure.MEMORY_KB,
        "kB",
        times_cheaper=_against(6, 2),
    ),
    Row(
        "idle CPU, 5,000 connections",
        "idle5k",
        Figure.SERVER_SHARE,
        "%",
        times_cheaper=_against(None, 3),
    ),
    Row(
        "idle CPU, 19,000 connections",
        "idle19k",
        Figure.SERVER_SHARE,
        "%",
        times_cheaper=_against(None, 3),
    ),
    Row("disconnect, CPU each, 5,000 open", "idle5k", Figure.DISCONNECT_US, at_most=60),
    Row("disconnect, CPU each, 19,000 open", "idle19k", Figure.DISCONNECT_US, at_most=60),
    Row(
        "p99 latency at 10,000 deliveries/s",
        "fan100r",
        Figure.P99_US,
        times_cheaper=_against(2, 1),
    ),
)
