from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from app.framework.platform_socketio.websocket.client_address import client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.1", [], "203.0.113.1"),
        ("203.0.113.1", ["198.51.100.7"], "203.0.113.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["192.0.2.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["192.0.2.1", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7:4711, 10.0.0.2:80"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", ["[198.51.100.7", "[]"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7:"], "10.0.0.1"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", [","] * 1000, "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["198.51.100.7, ::ffff:10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, ::FFFF:10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, [::ffff:10.0.0.2]:80"], "198.51.100.7"),
        ("10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("::ffff:203.0.113.1", ["198.51.100.7"], "203.0.113.1"),
    ],
)
def test_address_is_the_nearest_untrusted_one_when_proxies_stand_between(
    peer: str, forwarded: list[str], expected: str
) -> None:
    """The headers are read from right to left, up to an entry that is no address."""
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)

    assert expected == client_address(request, PROXIES)


def test_address_is_the_peer_when_no_proxy_is_trusted() -> None:
    """Forwarding headers of untrusted peers are ignored."""
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": "198.51.100.7"})

    assert "10.0.0.1" == client_address(request.clone(remote="10.0.0.1"), ())


def test_mapped_address_is_trusted_when_every_ipv6_network_is() -> None:
    """The network ``::/0`` includes all IPv4-mapped addresses."""
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": "198.51.100.7"})

    address = client_address(request.clone(remote="::ffff:10.0.0.1"), (ip_network("::/0"),))

    assert "198.51.100.7" == address
