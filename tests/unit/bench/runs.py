"""Creates measured runs for the tests of the bench."""

from bench.measured_servers import BARE, NEST, OURS, OURS_ON_SQLITE, SOCKETIO
from bench.readings import Figure, Reading
from bench.results import Results, Sample


def run(*samples: Sample) -> Results:
    """Return a run of three rounds with these samples."""
    return Results("2026-11-23", "a machine", {"Python": "3.11"}, 3, samples)


def cpu(peer: str, workload: str, *per_round: float) -> list[Sample]:
    """Return readings with only the CPU time per unit."""
    return [
        Sample(peer, workload, number, {Figure.CPU_US: value})
        for number, value in enumerate(per_round)
    ]


def example_run() -> Results:
    """Return a run whose acks take 10 µs here, 280 µs in NestJS and 12 µs in raw socket.io."""
    return run(
        *(
            Sample(peer, "ack", 0, _timed(value))
            for peer, value in ((OURS, 10.0), (NEST, 280.0), (SOCKETIO, 12.0), (BARE, 7.0))
        ),
        *cpu(OURS, "fan100", 3.0),
        *cpu(OURS_ON_SQLITE, "fan100", 6.0),
    )


def _timed(cpu_us: float) -> Reading:
    return {
        Figure.CPU_US: cpu_us,
        Figure.PER_SECOND: 1e6 / cpu_us,
        Figure.P50_US: 900.0,
        Figure.P99_US: 2500.0,
    }
