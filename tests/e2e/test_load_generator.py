import asyncio
import json
from pathlib import Path

from bench.credentials import Credentials
from bench.generator import built_generator
from bench.readings import Figure, Reading
from bench.servers import Cores, RunningServer
from tests.e2e.server_process import Serve, ServerProcess

_SECONDS = 0.2


async def test_refusals_are_counted_when_events_are_answered_with_an_error(
    serve: Serve, tmp_path: Path
) -> None:
    """The load generator of the bench counts every ack with an error, and no other ack."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"user_alice": ["a1"], "user_bob": ["b1"]}))
    server = await serve(SEED_FILE=str(seed), DATABASE_URL="memory:")

    accepted, refused = [await _ask(server, channels, tmp_path) for channels in ("a", "b")]

    assert 0 == accepted[Figure.REFUSED]
    assert refused[Figure.REFUSED] >= refused[Figure.PER_SECOND] * _SECONDS > 0


async def _ask(server: ServerProcess, channels: str, folder: Path) -> Reading:
    """Let Alice send events for the first of these channels."""
    tokens = folder / "tokens.txt"
    tokens.write_text(f"{await server.token('user_alice')}\n")
    generator = built_generator(Credentials("", tokens, tokens), Cores(None, None))
    arguments = ("--mode", "ack", "--conns", "1", "--warmup", "0", "--channels", channels)
    running = RunningServer(server.pid, server.port)
    return await asyncio.to_thread(generator.run, running, arguments, _SECONDS)
