"""``make soak``: samples the server's memory while users connect, chat and disconnect."""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime

from bench.credentials import credentials
from bench.failure import BenchError
from bench.folders import IMAGES, WORK
from bench.generator import built_generator
from bench.machine import machine
from bench.measured_servers import OURS_ON_SQLITE, PEERS
from bench.memory_curve import MemorySample, draw_memory, growth, memory_now
from bench.readings import Figure, parse_reading, troubles
from bench.servers import Cores, RunningServer, running

MINUTES, SOCKETS = 20.0, 2000
SAMPLE_SECONDS = 10.0

_WARM_UP_SHARE = 0.25
"""The share of the run to ignore, because memory grows while caches and the heap fill."""

_END_SECONDS = 60.0


def main(arguments: list[str]) -> None:
    """Print a sample every 10 s; in the end, print whether memory is flat, and draw the curve.

    The curve of a run with the default options is shown in ``docs/performance.md``.

    Raises:
        BenchError: A program is missing, or the server or the generator failed.
    """
    asked = _parse(arguments)
    cores, made = Cores.of_this_machine(), credentials()
    generator = built_generator(made, cores)
    chat = (
        *("--mode", "chat", "--conns", str(asked.sockets), "--rooms", str(asked.sockets // 10)),
        *("--first", "2000", "--channels", "k1x", "--every", "120", "--life", "30"),
    )
    with running(PEERS[OURS_ON_SQLITE], made, cores) as server:
        load = generator.start(server, chat, asked.minutes * 60)
        try:
            samples = tuple(_watch(server, asked.minutes * 60))
            out, err = load.communicate(timeout=_END_SECONDS)
        finally:
            load.kill()
    if load.returncode:
        raise BenchError(err.strip())
    reading = parse_reading(out)
    found = growth(samples, samples[-1].seconds * _WARM_UP_SHARE)
    print(
        f"{reading[Figure.PER_SECOND]:,.0f} events/s, {reading[Figure.CPU_US]:.0f} µs of CPU each."
    )
    print("\n".join([*troubles(reading), found.sentence]))
    caption = f"{datetime.now(UTC).date()}, {machine()}. {found.sentence}"
    whole = (asked.minutes, asked.sockets) == (MINUTES, SOCKETS)
    picture = (IMAGES if whole else WORK) / "performance-soak.svg"
    picture.write_text(draw_memory(samples, caption))
    print(f"The picture is {picture}.")


def _watch(server: RunningServer, seconds: float) -> Iterator[MemorySample]:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        sample = memory_now(server.pid, passed)
        print(
            f"{passed:6.0f} s  {sample.resident_kb / 1024:6.1f} MiB  "
            f"{sample.open_files} files  {sample.threads} threads",
            flush=True,
        )
        yield sample
        time.sleep(min(SAMPLE_SECONDS, max(0.0, seconds - passed)))


def _parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="make soak ARGS=...", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--sockets", type=int, default=SOCKETS)
    asked = parser.parse_args(arguments)
    if not (10 <= asked.sockets <= SOCKETS and asked.minutes * 60 >= 4 * SAMPLE_SECONDS):
        parser.error("use 10 to 2,000 sockets and at least 40 s")
    return asked


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        sys.exit(str(error))
