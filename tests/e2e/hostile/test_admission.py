import asyncio
import io
import json

import pytest

from app.framework import EngineOptions
from tests.e2e.hostile.probe_server import ProbeServer, eventually
from tests.e2e.hostile.raw_client import RawClient

ECHO = '42["echo","from behind"]'


async def _publish(probe: ProbeServer, text: str) -> None:
    """Publish a text from a new client to all sockets in the room."""
    async with probe.admitted() as (client, _):
        client.send(f'421["publish",{json.dumps(text)}]')
        assert f'42["published",{json.dumps(text)}]' == await client.receive()
        assert '431["published"]' == await client.receive()


@pytest.mark.parametrize(
    "auth",
    [
        {"guard": "refuse"},
        {"guard": "raise"},
        {"guard": "timeout"},
        {"hook": "timeout"},
        {"guard": "cancel"},
        {"hook": "raise"},
        {"hook": "disconnect"},
    ],
    ids=str,
)
async def test_socket_is_refused_whatever_goes_wrong_when_connecting(
    probe: ProbeServer, auth: dict[str, str]
) -> None:
    """The socket receives an error and is closed, and no handler runs for its events."""
    async with probe.client() as client:
        client.connect(auth, ECHO, '421["publish","from a refused client"]', "41")

        texts = await client.everything()

        assert "40" == texts[0][:2]
        assert "41" == texts[-1]
        assert not [text for text in texts if text.startswith(('42["published', "43"))]
    await probe.until_empty()
    assert [] == probe.journal.of("event")
    assert 1 == len(probe.journal.of("disconnect"))


@pytest.mark.parametrize("probe", [EngineOptions(connect_timeout_seconds=0.5)], indirect=True)
@pytest.mark.parametrize("auth", [{"guard": "wait"}, {"hook": "hang"}], ids=str)
async def test_socket_is_refused_when_its_admission_takes_too_long(
    probe: ProbeServer, auth: dict[str, str]
) -> None:
    """If a guard or hook hangs, the rejection is temporary, so the client may reconnect."""
    async with probe.client() as client:
        client.connect(auth, ECHO)

        assert "40" == (await client.receive_packet())[0]
        assert "unavailable" == (await client.receive_packet())[1][1]["code"]
        assert 1013 == await client.close_code()
    await probe.until_empty()
    assert [] == probe.journal.of("event")


async def test_broadcast_does_not_reach_a_socket_when_it_is_not_admitted(
    probe: ProbeServer,
) -> None:
    """A client receives no broadcast before CONNECT or while the guard runs."""
    async with probe.client() as silent, probe.client() as pending:
        pending.connect({"guard": "wait"})
        await probe.journal.until_count("waiting")
        await _publish(probe, "secret")
        probe.release.set()

        assert "40" == (await pending.receive_packet())[0]
        await _publish(probe, "open")
        assert '42["published","open"]' == await pending.receive()
        silent.connect()
        assert "40" == (await silent.receive_packet())[0]


async def test_connection_is_closed_when_an_event_comes_before_connect(probe: ProbeServer) -> None:
    """A client sends an event and then CONNECT in one segment."""
    async with probe.client() as client:
        client.send(ECHO, "40")

        assert [] == await client.everything()
    await probe.until_empty()
    assert [] == probe.journal.entries


async def test_event_waits_for_admission_when_it_comes_in_the_same_segment(
    probe: ProbeServer,
) -> None:
    """Events that arrive with CONNECT are handled after CONNECT is answered."""
    async with probe.client() as client:
        client.connect({"guard": "wait"}, '421["echo","early"]')
        await probe.journal.until_count("waiting")
        assert [] == probe.journal.of("event")
        probe.release.set()

        assert "40" == (await client.receive_packet())[0]
        assert '431["early"]' == await client.receive()


async def test_inbox_is_bounded_in_bytes_when_a_client_floods_it_before_admission(
    probe: ProbeServer,
) -> None:
    """Before admission, a client cannot make the server store megabytes of parsed JSON."""
    text = f'42["echo",[{",".join(["[]"] * 20_000)}]]'
    async with probe.client() as client:
        client.connect({"guard": "wait"}, *[text] * 50)
        await probe.journal.until_count("waiting")
        (connection,) = probe.sockets.eio.sockets.values()
        await eventually(lambda: not connection.is_reading, lambda: connection._inbox_chars)

        assert len(connection._inbox) <= 3
        probe.release.set()
        await probe.journal.until_count("event", 50)


async def test_connection_is_closed_when_it_connects_twice(probe: ProbeServer) -> None:
    """Socket.IO for Node.js also closes the connection at a second CONNECT."""
    async with probe.admitted() as (client, sid):
        client.connect({"room": "other"})

        assert [] == await client.everything()
        assert [("disconnect", sid, "parse error")] == await probe.journal.until_count("disconnect")


async def test_refused_client_gets_no_second_attempt_when_it_keeps_the_connection(
    probe: ProbeServer,
) -> None:
    """Each connection allows only one attempt, so a client cannot try many tokens on it."""
    async with probe.client() as client:
        client.connect({"guard": "refuse"}, *["40"] * 50)

        texts = await client.everything()

        assert ["40", "41"] == [text[:2] for text in texts if text[:2] != "42"]
    await probe.until_empty()
    assert [] == probe.journal.of("connection")


async def test_connection_is_closed_when_it_asks_for_foreign_namespaces_again_and_again(
    probe: ProbeServer,
) -> None:
    """The first ten requests are answered as by Node, and the eleventh closes the connection."""
    async with probe.client() as client:
        client.send(*(f"40/nowhere{number}," for number in range(500)))

        for number in range(10):
            head, data = await client.receive_packet()
            assert (f"44/nowhere{number},", {"message": "Invalid namespace"}) == (head, data)
        assert [] == await client.everything()
    await probe.until_empty()


@pytest.mark.parametrize("probe", [EngineOptions(connect_timeout_seconds=0.5)], indirect=True)
@pytest.mark.parametrize("says", [[], ["3"], ["40/nowhere,"]], ids=str)
async def test_connection_is_closed_when_it_never_connects(
    probe: ProbeServer, says: list[str]
) -> None:
    """Pongs and requests for foreign namespaces do not stop the connect timeout."""
    async with probe.client() as client:
        client.send(*says)

        texts = await client.everything()

        assert len(says) >= len(texts)
    await probe.until_empty()


@pytest.mark.parametrize("probe", [EngineOptions(connect_timeout_seconds=0.5)], indirect=True)
async def test_connection_is_closed_when_it_leaves_its_namespace_and_stays(
    probe: ProbeServer,
) -> None:
    """The connect timeout starts again after DISCONNECT."""
    async with probe.admitted() as (client, sid):
        client.send("41")

        assert [] == await client.everything()
    assert [("disconnect", sid, "client namespace disconnect")] == probe.journal.of("disconnect")


async def test_socket_connects_again_when_it_left_its_namespace(probe: ProbeServer) -> None:
    """A CONNECT after a DISCONNECT creates a new socket."""
    async with probe.admitted() as (client, first):
        client.send("41", "40")

        head, data = await client.receive_packet()

        assert "40" == head
        assert first != data["sid"]
        client.send('421["echo",1]')
        assert "431[1]" == await client.receive()
        assert [("disconnect", first, "client namespace disconnect")] == probe.journal.of(
            "disconnect"
        )


async def test_event_is_not_handled_when_it_follows_the_clients_disconnect(
    probe: ProbeServer,
) -> None:
    """The event closes the connection, as in Node."""
    async with probe.admitted() as (client, _):
        client.send("41", ECHO)

        assert [] == await client.everything()
    await probe.until_empty()
    assert [] == probe.journal.of("event")


@pytest.mark.parametrize("behind", ["1", "x", "abort", "close"])
async def test_no_ghost_remains_when_a_client_goes_while_it_is_admitted(
    probe: ProbeServer, behind: str
) -> None:
    """If a client leaves during its guard, its socket leaves all rooms, and the hook runs."""
    async with probe.client() as client:
        client.connect({"guard": "wait"})
        await probe.journal.until_count("waiting")
        _leave(client, behind)
        await eventually(lambda: not probe.sockets.eio.sockets, probe.residue)
        probe.release.set()
        await probe.journal.until_count("disconnect")

        await _publish(probe, "anybody?")
    await probe.until_empty()


@pytest.mark.parametrize("behind", ["1", "x", "abort", "close"])
async def test_no_ghost_remains_when_a_client_goes_in_the_segment_of_its_connect(
    probe: ProbeServer, behind: str
) -> None:
    """The server parses CONNECT and the end of the connection before it runs any guard."""
    async with probe.client() as client:
        client.connect()
        _leave(client, behind)

        await _publish(probe, "anybody?")
    await probe.until_empty()


async def test_refusals_log_no_secret_when_tokens_are_wrong(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """The log contains no part of ``auth``, even if the guard fails."""
    async with probe.client() as client:
        client.connect({"guard": "raise", "token": "opensesame"})

        await client.everything()

    assert "the guard is broken" in log.getvalue()
    assert "opensesame" not in log.getvalue()


def _leave(client: RawClient, how: str) -> None:
    match how:
        case "abort":
            client.abort()
        case "close":
            client.writer.close()
        case text:
            client.send(text)


async def test_idle_connection_costs_no_task(probe: ProbeServer) -> None:
    """An idle connection has no task for reading, writing, events, pings or HTTP."""
    async with probe.admitted():
        before = asyncio.all_tasks()
        async with probe.admitted(), probe.admitted(), probe.admitted():
            await eventually(lambda: asyncio.all_tasks() <= before, asyncio.all_tasks)


@pytest.mark.parametrize(
    "auth",
    [
        {"token": "t", "x": [[] for _ in range(15_000)]},
        {"x": [0] * 128},
        {"x": [{"y": {}} for _ in range(50)]},
        {"token": "t", "x": "x" * 8_192},
    ],
    ids=["60 kB of lists", "values", "nested values", "long text"],
)
async def test_socket_is_refused_when_its_auth_is_too_large(
    probe: ProbeServer, auth: dict[str, object]
) -> None:
    """The size of ``auth`` is limited, because a socket keeps it. No guard runs before."""
    async with probe.client() as client:
        client.connect(auth, ECHO)

        (answer,) = await client.everything()

    detail = "auth must not exceed 8192 characters besides the token, and 128 values."
    refusal = {"message": "Invalid auth", "data": {"code": "invalid_payload", "detail": detail}}
    assert "44" == answer[:2]
    assert refusal == json.loads(answer[2:])
    await probe.until_empty()
    assert [] == probe.journal.entries


async def test_handlers_find_auth_headers_and_query_when_these_are_as_large_as_allowed(
    probe: ProbeServer,
) -> None:
    """The values are stored unchanged: guards can read them before each event, as in Nest."""
    auth = {"token": "t" * 8_192, "user": {"roles": ["a", "b"]}, "x": "x" * 8_000}
    cookie = "c" * 15_000

    async with probe.client({"Cookie": cookie, "User-Agent": "test"}) as client:
        client.connect(auth)
        _, data = await client.receive_packet()
        (socket,) = probe.sockets.manager.rooms_in("/").sockets(
            frozenset([data["sid"]]), frozenset()
        )

    assert auth == socket.handshake.auth
    assert cookie == socket.handshake.headers["cookie"]
    assert "test" == socket.handshake.headers["user-agent"]
    assert {"EIO": "4", "transport": "websocket"} == socket.handshake.query
