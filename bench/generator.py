"""Compiles and runs the load generator in ``loadgen/``, and parses the JSON that it prints."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.credentials import Credentials
from bench.failure import BenchError
from bench.folders import BENCH, WORK
from bench.readings import Reading, parse_reading
from bench.servers import Cores, RunningServer

NO_COMPILER = (
    "There is no C compiler (cc) to build the load generator, which runs on Linux only. On Debian, "
    "run apt-get install gcc libc6-dev."
)

_SOURCES = BENCH / "loadgen"
_FLAGS = ("-O2", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra")
_BUILD_SECONDS = 120.0
_PATIENCE_SECONDS = 600.0
"""Time for connecting and cleaning up, in addition to the measured time."""


class Generator:
    """Runs the load generator, on a separate core if possible. Created by `built_generator`."""

    def __init__(self, program: Path, made: Credentials, cores: Cores) -> None:
        self._program = program
        self._made = made
        self._cores = cores

    def run(
        self, server: RunningServer, arguments: tuple[str, ...], seconds: float | None = None
    ) -> Reading:
        """Run the generator with these arguments and return its figures.

        Raises:
            BenchError: No client could connect, or the server ended.
        """
        process = self.start(server, arguments, seconds)
        return reading_of(process, _PATIENCE_SECONDS + (seconds or 0))

    def run_beside(
        self,
        server: RunningServer,
        arguments: tuple[str, ...],
        seconds: float,
        read: Callable[[], float],
    ) -> tuple[Reading, float]:
        """Run the generator; return its figures, and the increase of ``read()`` during the load.

        Connecting and the warm-up are not part of the load.

        Raises:
            BenchError: No client could connect, or the server ended.
        """
        process = self.start(server, arguments, seconds)
        for _ in process.stdout or ():
            break  # the generator prints its first line when the warm-up ends
        before = read()
        reading = reading_of(process, _PATIENCE_SECONDS + seconds)
        return reading, read() - before

    def start(
        self, server: RunningServer, arguments: tuple[str, ...], seconds: float | None
    ) -> "subprocess.Popen[str]":
        """Start the generator. The caller must read the output and wait for the process."""
        process = subprocess.Popen(
            (
                str(self._program),
                *("--port", str(server.port), "--pid", str(server.pid)),
                *("--tokens", str(self._made.tokens)),
                *(() if seconds is None else ("--seconds", str(seconds))),
                *arguments,
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._cores.load is not None:
            os.sched_setaffinity(process.pid, {self._cores.load})
        return process


def reading_of(process: "subprocess.Popen[str]", patience_seconds: float) -> Reading:
    """Wait for the end of a started generator, and return its figures.

    Raises:
        BenchError: The generator failed or did not finish in time.
    """
    try:
        out, err = process.communicate(timeout=patience_seconds)
    except subprocess.TimeoutExpired:
        raise BenchError("the load generator did not finish in time.") from None
    finally:
        process.kill()
    if process.returncode:
        code = process.returncode
        raise BenchError(err.strip() or f"the load generator failed, with code {code}.")
    return parse_reading(out)


def built_generator(made: Credentials, cores: Cores) -> Generator:
    """Compile the generator.

    Raises:
        BenchError: There is no compiler, or the compilation failed.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError(NO_COMPILER)
    WORK.mkdir(parents=True, exist_ok=True)
    program = WORK / "loadgen"
    sources = sorted(str(source) for source in _SOURCES.glob("*.c"))
    done = subprocess.run(
        (compiler, *_FLAGS, "-o", str(program), *sources),
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"The load generator could not be compiled:\n{done.stderr.strip()}")
    return Generator(program, made, cores)
