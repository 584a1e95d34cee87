"""Handlers that give several results: beside other events, bounded, never left behind."""

from app.framework.platform_socketio.engine_io.connection import MAX_BACKGROUND_TASKS
from tests.e2e.hostile.probe_server import ProbeServer


async def test_later_events_are_answered_when_a_stream_goes_on(probe: ProbeServer) -> None:
    """As in Nest, where an Observable holds up nothing."""
    async with probe.admitted() as (client, _):
        client.send('421["stream","a"]', '422["echo","b"]')

        answers = {await client.receive() for _ in range(2)}
        probe.gate.opened.set()

        assert {'431["a"]', '432["b"]'} == answers
        assert '42["streamed","a"]' == await client.receive()


async def test_stream_ends_when_its_client_goes(probe: ProbeServer) -> None:
    """It has nobody left to tell."""
    async with probe.admitted() as (client, sid):
        client.send('421["stream","a"]')
        await probe.journal.until_count("streaming")
        client.abort()

        assert [("stream ended", sid, "a")] == await probe.journal.until_count("stream ended")
    await probe.until_empty()


async def test_further_streams_wait_when_too_many_go_on(probe: ProbeServer) -> None:
    """What one client can start is bounded; the last one is waited for as any handler is."""
    async with probe.admitted() as (client, _):
        streams = MAX_BACKGROUND_TASKS + 1
        client.send(*(f'42["stream",{number}]' for number in range(streams)), '42["echo","last"]')
        await probe.journal.until_count("streaming", streams)

        assert [] == probe.journal.of("event")
        probe.gate.opened.set()
        await probe.journal.until_count("event")
