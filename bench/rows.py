"""The rows of the tables. Each row shows one figure of one workload."""

from dataclasses import dataclass

from bench.readings import Figure


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one workload, for every server.

    Attributes:
        unit: Printed after the figure.
    """

    title: str
    workload: str
    figure: Figure
    unit: str = "µs"


_CPU = Figure.CPU_US

ROWS = (
    Row("guarded event with ack, CPU", "ack", _CPU),
    Row("the same, 16 in flight", "ack16", _CPU),
    Row("room of 10, CPU per delivery", "fan10", _CPU),
    Row("100 rooms of 10", "fan10x100", _CPU),
    Row("room of 100", "fan100", _CPU),
    Row("room of 1,000", "fan1000", _CPU),
    Row("room of 100, 100 messages/s", "fan100r", _CPU),
    Row("mixed chat of 1,000, CPU per event", "chat", _CPU),
    Row("connect with authentication, CPU", "connect", Figure.CONNECT_US),
    Row("memory per idle connection, 5,000", "idle5k", Figure.MEMORY_KB, "kB"),
    Row("idle CPU, 5,000 connections", "idle5k", Figure.SERVER_SHARE, "%"),
    Row("idle CPU, 19,000 connections", "idle19k", Figure.SERVER_SHARE, "%"),
    Row("disconnect, CPU each, 5,000 open", "idle5k", Figure.DISCONNECT_US),
    Row("disconnect, CPU each, 19,000 open", "idle19k", Figure.DISCONNECT_US),
    Row("p99 latency at 10,000 deliveries/s", "fan100r", Figure.P99_US),
)
