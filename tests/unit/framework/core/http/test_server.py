import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from app.framework.core.http.server import MAX_HEAD_BYTES, HttpRunner

IN_TIME = 30.0

MAX_CONNECTIONS = 3


async def _answer(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(text=f"{request.method} {len(body)} {len(request.headers)}")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server that sends back the request that it received."""
    app = web.Application(client_max_size=1_000_000)
    app.router.add_route("*", "/{any:.*}", _answer)
    runner = HttpRunner(app, MAX_CONNECTIONS, access_log=None, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def answers(port: int, sent: Iterable[bytes], end: bytes = b"") -> str:
    """Send the data, and return the output until this end, or until the connection is closed."""
    async with asyncio.timeout(IN_TIME):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in sent:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        answer = await (reader.readuntil(end) if end else reader.read())
        writer.close()
    return answer.decode()


def head(length: int, last: str = "Connection: close") -> bytes:
    """Return a request head of this length."""
    start, end = "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ", f"\r\n{last}\r\n\r\n"
    return f"{start}{'c' * (length - len(start) - len(end))}{end}".encode()


def pieces(data: bytes, size: int) -> list[bytes]:
    """Split the data into parts of this size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


SENTENCE = b"The request's head must not exceed 16384 bytes."
START = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
TOO_LONG = {
    "one header": head(MAX_HEAD_BYTES + 1),
    "many headers": START + (b"X: %b\r\n" % (b"x" * 8_000)) * 120,
    "the request line": b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * MAX_HEAD_BYTES),
    "a head without an end": b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000,
}


@pytest.mark.parametrize("size", [1_000, 1_000_000])
@pytest.mark.parametrize("data", TOO_LONG.values(), ids=TOO_LONG)
async def test_request_is_refused_when_its_head_is_too_long(
    port: int, data: bytes, size: int
) -> None:
    """The server answers 431 and closes the connection, however the head is split into segments."""
    with capture_logs() as logs:
        answer = await answers(port, pieces(data[: 10 * MAX_HEAD_BYTES], size), SENTENCE)

    assert answer.startswith("HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert f"Content-Length: {len(SENTENCE)}\r\n\r\n" in answer
    assert ["request head too large"] == [each["event"] for each in logs]


@pytest.mark.parametrize("size", [999, MAX_HEAD_BYTES])
async def test_request_is_answered_when_its_head_is_as_long_as_allowed(
    port: int, size: int
) -> None:
    """One header may use nearly all of the limit for the head."""
    answer = await answers(port, pieces(head(MAX_HEAD_BYTES), size))

    assert answer.startswith("HTTP/1.1 200 OK")


@pytest.mark.parametrize("size", [1_000, MAX_HEAD_BYTES, 1_000_000])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_body_does_not_count_when_it_is_longer(
    port: int, size: int, *, is_chunked: bool
) -> None:
    """A body does not count towards the limit for heads, however the data is split."""
    body = b"b" * 100_000
    if is_chunked:
        body_head, sent = "Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        body_head, sent = f"Content-Length: {len(body)}", body
    post = f"POST / HTTP/1.1\r\nHost: localhost\r\n{body_head}\r\n\r\n".encode() + sent

    answer = await answers(port, pieces(post + post + head(MAX_HEAD_BYTES - 1_000), size))

    assert 2 == answer.count("POST 100000 ")
    assert 1 == answer.count("GET 0 ")


async def test_requests_are_answered_when_many_come_at_once(port: int) -> None:
    """Each pipelined request has its own limit, even before aiohttp parses it."""
    request = head(1_000, "Accept: */*")

    answer = await answers(port, [request * 199 + head(1_000)])

    assert 200 == answer.count("GET 0 ")


async def test_nothing_is_kept_when_a_refused_client_goes_on_sending(port: int) -> None:
    """The connection is aborted after the client has had time to read the answer."""
    async with asyncio.timeout(IN_TIME):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(TOO_LONG["many headers"])
        status = await reader.readline()
        await reader.read()
        writer.close()

    assert b"HTTP/1.1 431 Request Header Fields Too Large\r\n" == status


async def test_connection_is_closed_when_its_address_has_too_many(port: int) -> None:
    """A connection counts even without a request. When it is closed, another can be opened."""
    with capture_logs() as logs:
        async with asyncio.timeout(IN_TIME):
            held = [
                await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)
            ]
            for reader, writer in held:
                writer.write(START + b"\r\n")
                await reader.readuntil(b"GET 0 1")
            refused = [await _is_refused(port) for _ in range(2)]
            writer.close()
            while await _is_refused(port):
                pass
            for _, writer in held:
                writer.close()

    assert [True, True] == refused
    assert "too many HTTP connections from this address" in logs[0]["event"]
    assert 1 == len(logs)


async def _is_refused(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head(1_000))
        return not await reader.read()
    except ConnectionError:
        return True
    finally:
        writer.close()
