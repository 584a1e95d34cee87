"""Tests the load generator of the bench, a C program. ``make bench`` runs these tests."""

import asyncio
import json
from pathlib import Path

import pytest

from bench.credentials import Credentials
from bench.generator import Generator, built_generator
from bench.readings import Figure, Reading
from bench.servers import Cores, RunningServer
from tests.e2e.server_process import Serve, ServerProcess

pytestmark = pytest.mark.c_compiler

_SECONDS = 0.2


async def test_refusals_are_counted_when_events_are_answered_with_an_error(
    serve: Serve, tmp_path: Path
) -> None:
    """The load generator counts an ack as refused exactly if it contains an error."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"user_alice": ["a1"], "user_bob": ["b1"]}))
    server = await serve(SEED_FILE=str(seed), DATABASE_URL="memory:")

    generator = await _generator(server, tmp_path, "user_alice")
    accepted, refused = [await _ask(server, generator, channels) for channels in ("a", "b")]

    assert 0 == accepted[Figure.REFUSED]
    assert refused[Figure.REFUSED] >= refused[Figure.PER_SECOND] * _SECONDS > 0


async def test_every_report_is_acked_when_members_report_deliveries(
    serve: Serve, tmp_path: Path
) -> None:
    """The generator counts the reports, and `run_beside` returns the increase of ``read()``."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"user_alice": ["a1"], "user_bob": ["a1"]}))
    server = await serve(SEED_FILE=str(seed), DATABASE_URL="memory:")
    generator = await _generator(server, tmp_path, "user_alice", "user_bob")
    arguments = ("--mode", "send", "--conns", "2", "--report", "--warmup", "0", "--channels", "a")
    readings = iter((5.0, 12.0))

    reading, growth = await asyncio.to_thread(
        generator.run_beside,
        RunningServer(server.pid, server.port),
        arguments,
        _SECONDS,
        lambda: next(readings),
    )

    assert reading[Figure.UNITS] > 0
    assert (0, 0) == (reading[Figure.REFUSED], reading[Figure.FAILED])
    assert 7.0 == growth


async def _generator(server: ServerProcess, folder: Path, *user_ids: str) -> Generator:
    """Compile the generator, and give it tokens of these users."""
    tokens = folder / "tokens.txt"
    lines = [f"{await server.token(user_id)}\n" for user_id in user_ids]
    tokens.write_text("".join(lines))
    return built_generator(Credentials("", tokens, tokens), Cores(None, None))


async def _ask(server: ServerProcess, generator: Generator, channels: str) -> Reading:
    """Let the generator's user send events to the first channel with this prefix."""
    arguments = ("--mode", "ack", "--conns", "1", "--warmup", "0", "--channels", channels)
    running = RunningServer(server.pid, server.port)
    return await asyncio.to_thread(generator.run, running, arguments, _SECONDS)
