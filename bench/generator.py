"""The load generator: built from ``loadgen/``, run against a server, its line of JSON read."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.credentials import Credentials
from bench.failure import BenchError
from bench.places import BENCH, WORK
from bench.readings import Reading, parse_reading
from bench.servers import Cores, RunningServer

NO_COMPILER = (
    "The load generator is C, for Linux, and there is no cc: on Debian, apt-get install gcc "
    "libc6-dev."
)

_SOURCES = BENCH / "loadgen"
_FLAGS = ("-O2", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra")
_BUILD_SECONDS = 120.0
_PATIENCE_SECONDS = 600.0
"""For connecting and for cleaning up, beside the time that is asked for."""


class Generator:
    """Makes load on a core of its own. Made by `built_generator`."""

    def __init__(self, program: Path, made: Credentials, cores: Cores) -> None:
        self._program = program
        self._made = made
        self._cores = cores

    def run(
        self, server: RunningServer, arguments: tuple[str, ...], seconds: float | None = None
    ) -> Reading:
        """Let it do what the arguments say, from connecting to the last figure.

        Raises:
            BenchError: No connection came about, or the server ended.
        """
        process = self.start(server, arguments, seconds)
        try:
            out, err = process.communicate(timeout=_PATIENCE_SECONDS + (seconds or 0))
        except subprocess.TimeoutExpired:
            raise BenchError("the load generator does not come to an end.") from None
        finally:
            process.kill()
        if process.returncode:
            code = process.returncode
            raise BenchError(err.strip() or f"the load generator failed, with code {code}.")
        return parse_reading(out)

    def start(
        self, server: RunningServer, arguments: tuple[str, ...], seconds: float | None
    ) -> "subprocess.Popen[str]":
        """The same, without waiting for its end: that, and its output, are the caller's."""
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


def built_generator(made: Credentials, cores: Cores) -> Generator:
    """The generator, compiled.

    Raises:
        BenchError: There is no compiler, or it fails.
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
        raise BenchError(f"The load generator cannot be built:\n{done.stderr.strip()}")
    return Generator(program, made, cores)
