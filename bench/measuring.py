"""Measures every server in each round; every second round uses the reverse order of servers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.credentials import Credentials
from bench.failure import BenchError
from bench.generator import Generator
from bench.measured_servers import Peer
from bench.readings import Figure, Reading, troubles
from bench.results import Sample
from bench.servers import Cores, RunningServer, running
from bench.workloads import WARM_UP, Workload

_WARM_UP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Bench:
    """The generator, credentials, cores and duration of all measurements of a run."""

    generator: Generator
    made: Credentials
    cores: Cores
    seconds: float

    def samples(
        self, peers: Sequence[Peer], workloads: Sequence[Workload], rounds: int
    ) -> Iterator[Sample]:
        """Measure all workloads on all servers; print each reading, and yield it as a sample.

        Raises:
            BenchError: A server did not start.
        """
        for number in range(rounds):
            for peer in peers if number % 2 == 0 else peers[::-1]:
                known = [each for each in workloads if each.name in peer.workloads]
                for workload, reading in self._round(peer, known, first=number == 0):
                    yield Sample(peer.name, workload.name, number, reading)

    def _round(
        self, peer: Peer, workloads: Sequence[Workload], *, first: bool
    ) -> Iterator[tuple[Workload, Reading]]:
        together = [each for each in workloads if not each.alone]
        if together:
            with running(peer, self.made, self.cores) as server:
                for each in WARM_UP:
                    if each.name in peer.workloads:
                        self.generator.run(server, each.arguments, _WARM_UP_SECONDS)
                for each in together:
                    yield each, self._measure(peer, server, each)
        for each in workloads if first else ():
            if each.alone:
                with running(peer, self.made, self.cores) as server:
                    yield each, self._measure(peer, server, each)

    def _measure(self, peer: Peer, server: RunningServer, workload: Workload) -> Reading:
        """Return the reading; if the measurement fails, print the error and return an empty one."""
        seconds = workload.seconds or self.seconds
        try:
            reading = self.generator.run(server, workload.arguments, seconds)
        except BenchError as error:
            _print(peer, workload, str(error))
            return {}
        shown = (form.format(reading[figure]) for figure, form in _shown(workload))
        _print(peer, workload, ", ".join(shown), *troubles(reading))
        return reading


def _print(peer: Peer, workload: Workload, *lines: str) -> None:
    for number, line in enumerate(lines):
        label = "" if number else f"{peer.name:<16} {workload.name:<10}"
        print(f"  {label:<27} {line}", flush=True)


def _shown(workload: Workload) -> tuple[tuple[Figure, str], ...]:
    """Return the figures that matter for a workload, with their formats."""
    if workload.alone:
        return (
            (Figure.MEMORY_KB, "{:.1f} kB"),
            (Figure.SERVER_SHARE, "{:.2%}"),
            (Figure.DISCONNECT_US, "disconnect {:.1f} µs"),
        )
    if workload.name == "connect":
        return ((Figure.CONNECT_US, "{:.1f} µs"), (Figure.CONNECTS_PER_SECOND, "{:,.0f}/s"))
    return (
        (Figure.CPU_US, "{:.2f} µs"),
        (Figure.PER_SECOND, "{:,.0f}/s"),
        (Figure.P99_US, "p99 {:,.0f} µs"),
        (Figure.SERVER_SHARE, "server {:.1%}"),
        (Figure.GENERATOR_SHARE, "generator {:.1%}"),
    )
