"""Tests requests before a WebSocket is open, such as rejected upgrades and malformed HTTP."""

import io
from dataclasses import replace
from ipaddress import ip_network

import pytest

from app.framework import EngineOptions
from tests.e2e.hostile.probe_server import ProbeServer
from tests.e2e.hostile.raw_client import RawClient, tcp_client, websocket_client

HERE = "http://localhost:3000"
UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
WITH_ORIGINS = EngineOptions(origins=(HERE,))
BEHIND_PROXY = EngineOptions(trusted_proxies=(ip_network("127.0.0.0/8"),))


@pytest.mark.parametrize("probe", [WITH_ORIGINS], indirect=True)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"},
        {"Origin": "https://127.0.0.1", "X-Forwarded-Proto": "https"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": f"{HERE}.evil.example"},
        {"Origin": HERE.upper()},
        {"Origin": f"{HERE}, https://evil.example"},
    ],
    ids=str,
)
async def test_upgrade_is_refused_when_the_origin_is_not_listed(
    probe: ProbeServer, headers: dict[str, str]
) -> None:
    """Origins are compared exactly, and headers cannot change the list of origins."""
    async with probe.client(headers) as client:
        assert 403 == client.status
    assert not any(probe.residue().values())


@pytest.mark.parametrize("probe", [WITH_ORIGINS], indirect=True)
@pytest.mark.parametrize("headers", [{}, {"Origin": HERE}, {"Origin": "http://127.0.0.1"}], ids=str)
async def test_upgrade_is_granted_when_the_origin_is_listed_our_own_or_absent(
    probe: ProbeServer, headers: dict[str, str]
) -> None:
    """Browsers send the page's origin, and React Native sends the server's own origin."""
    async with probe.client(headers) as client:
        assert 101 == client.status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("EIO=4&transport=polling", 400),
        ("EIO=4", 400),
        ("EIO=3&transport=websocket", 400),
        ("transport=websocket", 400),
        ("EIO=4&transport=websocket&sid=abc", 400),
        ("EIO=4&transport=websocket&transport=polling", 101),
        ("EIO=%ff&transport=%00", 400),
    ],
)
async def test_upgrade_is_answered_as_by_node_when_its_query_is_odd(
    probe: ProbeServer, query: str, status: int
) -> None:
    """The query is checked before a connection is created."""
    async with websocket_client(probe.url, query=query) as client:
        assert status == client.status


@pytest.mark.parametrize(
    ("probe", "forwarded", "expected"),
    [
        (EngineOptions(), "203.0.113.9", "127.0.0.1"),
        (BEHIND_PROXY, "203.0.113.9", "203.0.113.9"),
        (BEHIND_PROXY, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (BEHIND_PROXY, "198.51.100.1, 203.0.113.9, 127.0.0.2", "203.0.113.9"),
        (BEHIND_PROXY, "203.0.113.9, nonsense", "127.0.0.1"),
        (BEHIND_PROXY, "\x1b[31mred", "127.0.0.1"),
        (BEHIND_PROXY, "2001:db8::1", "2001:db8::1"),
    ],
    indirect=["probe"],
)
async def test_address_is_the_nearest_untrusted_one_when_a_header_names_others(
    probe: ProbeServer, forwarded: str, expected: str
) -> None:
    """A client cannot choose the address to which the limits apply."""
    if not forwarded.isprintable():
        async with tcp_client(probe.url) as client:
            client.send_bytes(f"{UPGRADE}X-Forwarded-For: {forwarded}\r\n\r\n".encode())
            assert b"400" in await client.reader.readuntil(b"\r\n")
        return
    async with probe.client({"X-Forwarded-For": forwarded}) as client:
        client.connect()
        ((_, _sid, address),) = await probe.journal.until_count("connection")

        assert expected == address


@pytest.mark.parametrize("probe", [EngineOptions(max_connecting_per_address=2)], indirect=True)
async def test_upgrade_is_refused_when_too_many_of_its_address_are_not_admitted(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """Neither admitted sockets nor closed connections count towards the limit."""
    statuses = []
    async with probe.client() as first, probe.client() as second:
        for _ in range(3):
            async with probe.client() as refused:
                statuses.append(refused.status)
                body = await refused.reader.read()
                assert b'{"code":3,"message":"Too many connections"}' == body
        first.connect()
        assert "40" == (await first.receive_packet())[0]
        second.send("1")
        assert [] == await second.everything()
        async with probe.client() as third, probe.client() as fourth:
            statuses += [third.status, fourth.status]

    assert [429] * 3 + [101] * 2 == statuses
    assert 1 == log.getvalue().count("MAX_CONNECTING_PER_ADDRESS")
    await probe.until_empty()


@pytest.mark.parametrize(
    ("probe", "warnings"),
    [
        (EngineOptions(warn_of_forwarded=True), 1),
        (replace(BEHIND_PROXY, warn_of_forwarded=True), 0),
        (EngineOptions(), 0),
    ],
    indirect=["probe"],
)
async def test_forwarded_header_is_warned_of_once_when_no_proxy_is_trusted(
    probe: ProbeServer, log: io.StringIO, warnings: int
) -> None:
    """The warning matters: behind an untrusted proxy all users share one address."""
    headers = {"X-Forwarded-For": "203.0.113.9", "Origin": "https://foreign.example"}
    for _ in range(3):
        async with probe.client(headers) as refused:
            assert 403 == refused.status

    assert warnings == log.getvalue().count("TRUSTED_PROXIES")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32,
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        f"{UPGRADE}X: {'a' * 20_000}\r\n\r\n".encode(),
        (UPGRADE + "".join(f"X-{n}: a\r\n" for n in range(1000)) + "\r\n").encode(),
        f"{UPGRADE}Authorization\r\n\r\n".encode(),
        f"{UPGRADE}Authorization : Bearer opensesame\r\n\r\n".encode(),
        f"{UPGRADE}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".encode(),
        f"GET /{'a' * 20_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ],
    ids=lambda data: repr(data[:24]),
)
async def test_broken_http_is_refused_without_a_traceback_when_it_comes(
    probe: ProbeServer, log: io.StringIO, request_bytes: bytes
) -> None:
    """The log has no traceback and no secret, so clients can neither fill it nor write into it."""
    async with tcp_client(probe.url) as client:
        client.send_bytes(request_bytes)

        await client.reader.read()

    assert "Traceback" not in log.getvalue()
    assert "opensesame" not in log.getvalue()


async def test_pipelined_requests_do_not_reach_the_upgraded_connection(probe: ProbeServer) -> None:
    """The server reads a pipelined request as WebSocket frames, or closes the connection."""
    async with tcp_client(probe.url) as client:
        client.send_bytes(
            f"{UPGRADE}\r\n".encode() + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 3
        )

        received = await client.reader.read()

    assert received.startswith(b"HTTP/1.1 101")
    assert 1 == received.count(b"HTTP/1.1")
    await probe.until_empty()


async def test_upgrade_is_refused_when_its_head_is_too_long(probe: ProbeServer) -> None:
    """Without this limit, a client without a token could make the server store a megabyte."""
    headers = {f"X-{number}": "x" * 8_000 for number in range(120)}

    async with probe.client(headers) as client:
        assert 431 == client.status

    assert not any(probe.residue().values())


async def test_http_connection_has_a_timeout_when_its_request_is_incomplete(
    probe: ProbeServer,
) -> None:
    """The timeout prevents Slowloris attacks; aiohttp's own timeout of an hour would not."""
    assert probe.application._runner is not None
    server = probe.application._runner.server
    assert server is not None
    async with tcp_client(probe.url) as client:
        client.send_bytes(b"GET / HTTP/1.1\r\nX-Slow: ")
        async with probe.client() as other:
            other.connect()
            await probe.journal.until_count("connection")

        timeouts = {handler.keepalive_timeout for handler in server.connections}

    assert all(timeout <= 60 for timeout in timeouts), timeouts


async def test_unserialisable_answer_becomes_an_error_when_an_ack_was_asked(
    probe: ProbeServer,
) -> None:
    """The caller receives an internal error as the ack."""
    async with probe.admitted() as (client, _):
        client.send('421["unserialisable"]')

        _, data = await _ack(client)

        assert "internal" == data[0]["code"]


async def _ack(client: RawClient) -> tuple[str, list[dict[str, str]]]:
    head, data = await client.receive_packet()
    assert "431" == head
    return head, data
