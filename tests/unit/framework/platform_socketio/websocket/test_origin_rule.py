from ipaddress import ip_network

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from app.framework.platform_socketio.websocket.origin_rule import OriginRule

LISTED = "https://chat.example.com"
PROXY, STRANGER = "10.0.0.1", "203.0.113.1"
TLS = {"X-Forwarded-Proto": "https"}


def request(headers: dict[str, str], peer: str = STRANGER) -> web.Request:
    """Create an upgrade request for ``api.example.com``, unless the headers name another host."""
    headers = {"Host": "api.example.com", **headers}
    return make_mocked_request("GET", "/", headers=headers).clone(remote=peer)


def rule(*origins: str) -> OriginRule:
    return OriginRule(origins or (LISTED,), (ip_network("10.0.0.0/8"),), "CORS_ORIGINS")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://api.example.com"},
        {"Origin": "http://api.example.com:80"},
        {"Origin": "http://api.example.com", "Host": "API.example.com:80"},
        {"Origin": "http://api.example.com:3002", "Host": "api.example.com:3002"},
        {"Origin": "http://[::1]:3002", "Host": "[::1]:3002"},
    ],
)
def test_origin_is_accepted_when_it_is_the_server_itself(headers: dict[str, str]) -> None:
    """React Native sends the server's own address as the origin."""
    assert rule().accepts(request(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://api.example.com", **TLS},
        {"Origin": "https://api.example.com:443", "X-Forwarded-Proto": "wss"},
        {"Origin": "https://api.example.com", "X-Forwarded-Proto": "HTTPS, http"},
        {"Origin": "https://public.example", "X-Forwarded-Host": "public.example", **TLS},
        {"Origin": "https://public.example", "X-Forwarded-Host": "public.example, lb", **TLS},
        {"Origin": "http://api.example.com"},
    ],
)
def test_origin_is_accepted_when_a_trusted_proxy_forwards_it_as_the_servers(
    headers: dict[str, str],
) -> None:
    """TLS ends at the proxy, which forwards the public host name."""
    assert rule().accepts(request(headers, PROXY))
    assert rule().accepts(request(headers, f"::ffff:{PROXY}"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://api.example.com"},
        {"Origin": "http://api.example.com:3002"},
        {"Origin": "http://api.example.com.evil.example"},
        {"Origin": "https://api.example.com", **TLS},
        {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
        {"Origin": ""},
        {"Origin": "null", "Host": ""},
    ],
)
async def test_origin_is_refused_when_only_a_stranger_says_that_it_is_the_servers(
    headers: dict[str, str],
) -> None:
    """Forwarding headers are ignored unless a trusted proxy sends them."""
    assert not rule().accepts(request(headers))


@pytest.mark.parametrize(
    ("configured", "sent"),
    [
        ("https://Chat.example.com:443", "https://chat.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("null", "null"),
        ("file://", "file://"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("app://.", "app://."),
    ],
)
def test_origin_is_accepted_when_it_is_configured(configured: str, sent: str) -> None:
    """The configured origin may be spelt differently from the one that the browser sends."""
    assert rule(configured).accepts(request({"Origin": sent}))


async def test_refused_origin_is_logged_once_when_it_comes_again() -> None:
    """The log line names the setting, and has the origin in a short and printable form."""
    origins = ["https://a.example", "https://a.example", "x" * 5_000, "https://b.example\x1b[31m"]
    rule_ = rule()

    with capture_logs() as logs:
        for origin in origins:
            rule_.accepts(request({"Origin": origin}))

    event = "origin refused; if it is yours, add it"
    shown = ["https://a.example", "x" * 100 + "...", r"https://b.example\x1b[31m"]
    assert [
        {
            "event": event,
            "log_level": "warning",
            "origin": each,
            "to": "CORS_ORIGINS",
            "times": 1,
        }
        for each in shown
    ] == logs


async def test_origin_is_refused_and_logged_when_the_function_raises() -> None:
    """The connection is refused, and the log names only the error's class."""

    def fail(origin: str) -> bool:
        raise LookupError(origin)

    rule_ = OriginRule(fail, (), "CORS_ORIGINS")

    with capture_logs() as logs:
        accepted = rule_.accepts(request({"Origin": "https://a.example"}))

    assert not accepted
    assert ["origin refused: a function raised LookupError"] == [log["event"] for log in logs]


def test_nothing_is_logged_when_the_origin_is_accepted() -> None:
    """A missing origin is accepted too, because only browsers send origins."""
    with capture_logs() as logs:
        accepted = [rule().accepts(request(each)) for each in ({}, {"Origin": LISTED})]

    assert [True, True] == accepted
    assert [] == logs
