"""Parses the figures that the load generator prints after a run."""

import json
from enum import StrEnum

from bench.failure import BenchError

GENERATOR_IS_BUSY = 0.9


class Figure(StrEnum):
    """The figures, with the names that the generator prints."""

    CPU_US = "cpu_us_per_unit"
    UNITS = "units"
    PER_SECOND = "per_second"
    P50_US = "p50_us"
    P99_US = "p99_us"
    SERVER_SHARE = "server_share"
    GENERATOR_SHARE = "generator_share"
    CONNECT_US = "connect_cpu_us"
    CONNECTS_PER_SECOND = "connects_per_second"
    MEMORY_KB = "memory_kb_per_connection"
    DISCONNECT_US = "disconnect_cpu_us"
    FAILED = "failed"
    DROPPED = "dropped"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


Reading = dict[Figure, float]


def parse_reading(text: str) -> Reading:
    """Parse the JSON in the last line of the generator's output. Unmeasured figures are left out.

    Raises:
        BenchError: The line is not JSON.
    """
    try:
        found = json.loads(text.strip().rpartition("\n")[2])
        return {figure: float(found[figure]) for figure in Figure if figure in found}
    except (TypeError, ValueError):
        raise BenchError(f"the load generator printed no JSON: {text[:200]!r}") from None


def is_limited_by_generator(reading: Reading) -> bool:
    """Return whether the generator was the bottleneck, not the server."""
    return reading.get(Figure.GENERATOR_SHARE, 0) > GENERATOR_IS_BUSY


def troubles(reading: Reading) -> list[str]:
    """Return warnings about a reading."""
    warnings = {
        Figure.FAILED: "connections failed",
        Figure.DROPPED: "connections were closed by the server",
        Figure.REFUSED: "events were answered with an error",
        Figure.UNANSWERED: "messages did not reach every member in time",
    }
    found = [f"{reading[each]:.0f} {text}" for each, text in warnings.items() if reading.get(each)]
    if is_limited_by_generator(reading):
        share = reading[Figure.GENERATOR_SHARE]
        found.append(
            f"the load generator is the limit, with {share:.0%} of its core: "
            "trust the CPU figure, not throughput and latency"
        )
    return found
