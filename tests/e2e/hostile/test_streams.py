"""Tests the concurrency, limits and cancellation of handlers that return several results."""

from app.framework.platform_socketio.engine_io.connection import MAX_BACKGROUND_TASKS
from tests.e2e.hostile.probe_server import ProbeServer


async def test_later_events_are_answered_when_a_stream_goes_on(probe: ProbeServer) -> None:
    """Like an Observable in Nest, a stream does not delay later events."""
    async with probe.admitted() as (client, _):
        client.send('421["stream","a"]', '422["echo","b"]')

        answers = {await client.receive() for _ in range(2)}
        probe.release.set()

        assert {'431["a"]', '432["b"]'} == answers
        assert '42["streamed","a"]' == await client.receive()


async def test_stream_ends_when_its_client_goes(probe: ProbeServer) -> None:
    async with probe.admitted() as (client, sid):
        client.send('421["stream","a"]')
        await probe.journal.until_count("streaming")
        client.abort()

        assert [("stream ended", sid, "a")] == await probe.journal.until_count("stream ended")
    await probe.until_empty()


async def test_further_streams_wait_when_too_many_go_on(probe: ProbeServer) -> None:
    """The number of concurrent streams of a client is limited; further events wait."""
    async with probe.admitted() as (client, _):
        streams = MAX_BACKGROUND_TASKS + 1
        client.send(*(f'42["stream",{number}]' for number in range(streams)), '42["echo","last"]')
        await probe.journal.until_count("streaming", streams)

        assert [] == probe.journal.of("event")
        probe.release.set()
        await probe.journal.until_count("event")
