import asyncio
import io
import json

import pytest

from app.framework import EngineOptions
from tests.e2e.hostile.probe_server import ProbeServer, eventually
from tests.e2e.hostile.raw_client import RawClient

ECHO = '42["echo","from behind"]'


async def _told(probe: ProbeServer, text: str) -> None:
    """Have an admitted client tell everybody."""
    async with probe.admitted() as (teller, _):
        teller.send(f'421["tell",{json.dumps(text)}]')
        assert f'42["told",{json.dumps(text)}]' == await teller.receive()
        assert '431["told"]' == await teller.receive()


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
    """A2.1 to 3: refused, told, closed within a second, and no event of its own is handled."""
    async with probe.client() as client:
        client.connect(auth, ECHO, '421["tell","from a stranger"]', "41")

        texts = await client.everything()

        assert "40" == texts[0][:2]
        assert "41" == texts[-1]
        assert not [text for text in texts if text.startswith(('42["told', "43"))]
    await probe.until_empty()
    assert [] == probe.journal.of("event")
    assert 1 == len(probe.journal.of("disconnect"))


@pytest.mark.parametrize("probe", [EngineOptions(connect_timeout_seconds=0.5)], indirect=True)
@pytest.mark.parametrize("auth", [{"guard": "wait"}, {"hook": "hang"}], ids=str)
async def test_socket_is_refused_when_its_admission_takes_too_long(
    probe: ProbeServer, auth: dict[str, str]
) -> None:
    """A2.8: a guard that hangs holds nobody for ever, and admits nobody; the client may return."""
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
    """Neither before CONNECT nor while the guard is at work."""
    async with probe.client() as silent, probe.client() as pending:
        pending.connect({"guard": "wait"})
        await probe.journal.until_count("waiting")
        await _told(probe, "secret")
        probe.gate.opened.set()

        assert "40" == (await pending.receive_packet())[0]
        await _told(probe, "open")
        assert '42["told","open"]' == await pending.receive()
        silent.connect()
        assert "40" == (await silent.receive_packet())[0]


async def test_connection_is_closed_when_an_event_comes_before_connect(probe: ProbeServer) -> None:
    """The order on the wire counts, even within one segment."""
    async with probe.client() as client:
        client.send(ECHO, "40")

        assert [] == await client.everything()
    await probe.until_empty()
    assert [] == probe.journal.entries


async def test_event_waits_for_admission_when_it_comes_in_the_same_segment(
    probe: ProbeServer,
) -> None:
    """An admitted client's early events are handled, after the answer to its CONNECT."""
    async with probe.client() as client:
        client.connect({"guard": "wait"}, '421["echo","early"]')
        await probe.journal.until_count("waiting")
        assert [] == probe.journal.of("event")
        probe.gate.opened.set()

        assert "40" == (await client.receive_packet())[0]
        assert '431["early"]' == await client.receive()


async def test_inbox_is_bounded_in_bytes_when_a_stranger_floods_it(probe: ProbeServer) -> None:
    """A2.9's lesson: nobody holds megabytes of parsed JSON who is not even admitted."""
    text = f'42["echo",[{",".join(["[]"] * 20_000)}]]'
    async with probe.client() as client:
        client.connect({"guard": "wait"}, *[text] * 50)
        await probe.journal.until_count("waiting")
        (connection,) = probe.sockets.eio.sockets.values()
        await eventually(lambda: not connection.is_reading, lambda: connection._inbox_chars)

        assert len(connection._inbox) <= 3
        probe.gate.opened.set()
        await probe.journal.until_count("event", 50)


async def test_connection_is_closed_when_it_connects_twice(probe: ProbeServer) -> None:
    """A2.5: as Node does."""
    async with probe.admitted() as (client, sid):
        client.connect({"room": "other"})

        assert [] == await client.everything()
        assert [("disconnect", sid, "parse error")] == await probe.journal.until_count("disconnect")


async def test_refused_client_gets_no_second_attempt_when_it_keeps_the_connection(
    probe: ProbeServer,
) -> None:
    """A2.5: one websocket is good for one refusal."""
    async with probe.client() as client:
        client.connect({"guard": "refuse"}, *["40"] * 50)

        texts = await client.everything()

        assert ["40", "41"] == [text[:2] for text in texts if text[:2] != "42"]
    await probe.until_empty()
    assert [] == probe.journal.of("connection")


async def test_connection_is_closed_when_it_asks_for_foreign_namespaces_again_and_again(
    probe: ProbeServer,
) -> None:
    """The first ten get Node's answer; who goes on does not look for a namespace."""
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
    """A2.5: pongs and foreign namespaces are no CONNECT."""
    async with probe.client() as client:
        client.send(*says)

        texts = await client.everything()

        assert len(says) >= len(texts)
    await probe.until_empty()


@pytest.mark.parametrize("probe", [EngineOptions(connect_timeout_seconds=0.5)], indirect=True)
async def test_connection_is_closed_when_it_leaves_its_namespace_and_stays(
    probe: ProbeServer,
) -> None:
    """After 41 it is where it was before CONNECT."""
    async with probe.admitted() as (client, sid):
        client.send("41")

        assert [] == await client.everything()
    assert [("disconnect", sid, "client namespace disconnect")] == probe.journal.of("disconnect")


async def test_socket_connects_anew_when_it_left_its_namespace(probe: ProbeServer) -> None:
    """41 and 40 on one connection are two sockets, one after the other."""
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
    """An event of a socket that has left ends the connection, as with Node."""
    async with probe.admitted() as (client, _):
        client.send("41", ECHO)

        assert [] == await client.everything()
    await probe.until_empty()
    assert [] == probe.journal.of("event")


@pytest.mark.parametrize("behind", ["1", "x", "abort", "close"])
async def test_no_ghost_remains_when_a_client_goes_while_it_is_admitted(
    probe: ProbeServer, behind: str
) -> None:
    """Gone before the guard has decided: in no room, and its hook has run."""
    async with probe.client() as client:
        client.connect({"guard": "wait"})
        await probe.journal.until_count("waiting")
        _leave(client, behind)
        await eventually(lambda: not probe.sockets.eio.sockets, probe.residue)
        probe.gate.opened.set()
        await probe.journal.until_count("disconnect")

        await _told(probe, "anybody?")
    await probe.until_empty()


@pytest.mark.parametrize("behind", ["1", "x", "abort", "close"])
async def test_no_ghost_remains_when_a_client_goes_in_the_segment_of_its_connect(
    probe: ProbeServer, behind: str
) -> None:
    """CONNECT is parsed, the end as well, and only then its handling begins."""
    async with probe.client() as client:
        client.connect()
        _leave(client, behind)

        await _told(probe, "anybody?")
    await probe.until_empty()


async def test_refusals_log_no_secret_when_tokens_are_wrong(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """Whatever stands in auth stays out of the log, broken guard or not."""
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
    """A2.8, 16: no reader, writer, worker or pinger that waits, and no HTTP handler."""
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
    """It would be kept as long as the socket. The client is told, and no guard meets it."""
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
    """Guards read them before each event, as in Nest, so they stay as they came."""
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
