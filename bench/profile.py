"""``make profile ARGS=WORKLOAD``: profiles our server under a workload."""

import subprocess
import sys
from pathlib import Path

from bench.credentials import credentials
from bench.failure import BenchError
from bench.folders import WORK
from bench.generator import Generator, built_generator
from bench.measured_servers import OURS, PEERS
from bench.own_time import largest_own_times, own_time_table
from bench.servers import Cores, RunningServer, running
from bench.workloads import WARM_UP, WORKLOADS, Workload

TOP = 10

_PY_SPY = Path(sys.executable).with_name("py-spy")
_SAMPLES_PER_SECOND = 250
_SECONDS = 8
_WARM_UP_SECONDS = 2.0
_STARTS_WITHIN_SECONDS = 6.0
"""The time allowed for starting and stopping each recording, in addition to its duration."""

_NAMES = [each.name for each in WORKLOADS.values() if not each.alone and each.name != "connect"]


def main(arguments: list[str]) -> None:
    """Print the ten functions with the most own time; draw the flame graph.

    Raises:
        BenchError: A program is missing, or the workload is unknown.
    """
    name = arguments[0] if len(arguments) == 1 else ""
    if name not in _NAMES:
        raise BenchError(f"Use make profile ARGS=WORKLOAD with one of {', '.join(_NAMES)}.")
    cores, made = Cores.of_this_machine(), credentials()
    generator = built_generator(made, cores)
    with running(PEERS[OURS], made, cores) as server:
        for each in WARM_UP:
            generator.run(server, each.arguments, _WARM_UP_SECONDS)
        folded, graph = _record(server, generator, WORKLOADS[name])
    times = largest_own_times(folded.read_text().splitlines(), TOP)
    print(f"\n{own_time_table(times)}\n\nThe flame graph is {graph}.")


def _record(server: RunningServer, generator: Generator, load: Workload) -> tuple[Path, Path]:
    folded, graph = WORK / f"profile-{load.name}.folded", WORK / f"profile-{load.name}.svg"
    process = generator.start(server, load.arguments, 2 * (_SECONDS + _STARTS_WITHIN_SECONDS))
    try:
        for form, file in (("raw", folded), ("flamegraph", graph)):
            _spy(server.pid, form, file)
    finally:
        process.kill()
        process.communicate()
    return folded, graph


def _spy(pid: int, form: str, file: Path) -> None:
    done = subprocess.run(
        (
            str(_PY_SPY),
            *("record", "--pid", str(pid), "--native", "--function"),
            *("--rate", str(_SAMPLES_PER_SECOND), "--duration", str(_SECONDS)),
            *("--format", form, "--output", str(file)),
        ),
        capture_output=True,
        text=True,
        timeout=_SECONDS + _STARTS_WITHIN_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"py-spy failed; it may need root: {done.stderr.strip()}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        sys.exit(str(error))
