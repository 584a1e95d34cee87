"""Whose connection it is, when proxies may stand between."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network

# Azure's gateways write the port, too.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([^]]+)\](?::[0-9]+)?")


def client_address(request: web.Request, trusted: Sequence[Network]) -> str:
    """The peer's address; behind a trusted proxy, the nearest one that is not trusted.

    ``X-Forwarded-For`` is read from its right end, where our own proxies write: what a client puts
    there itself stands further left and is never reached. A port beside an address is left out. An
    IPv4-mapped IPv6 address (``::ffff:10.1.2.3``) is given as the IPv4 address.
    """
    remote = request.remote or ""
    if not trusted and ":" not in remote:  # the usual case: nothing to unwrap or to look for
        return remote
    peer = _parsed(remote)
    if peer is None:
        return remote
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    while _is_trusted(peer, trusted) and forwarded:
        candidate = _parsed(_without_port(forwarded.pop().strip()))
        if candidate is None:
            break
        peer = candidate
    return str(_unmapped(peer))


def comes_from_proxy(request: web.Request, trusted: Sequence[Network]) -> bool:
    """Whether a trusted proxy has forwarded the request, so that its headers may be believed."""
    return is_proxy(request.remote or "", trusted)


def is_proxy(address: str, trusted: Sequence[Network]) -> bool:
    """Whether the address is a trusted proxy's."""
    peer = _parsed(address) if trusted else None
    return peer is not None and _is_trusted(peer, trusted)


def _without_port(text: str) -> str:
    match = _WITH_PORT.fullmatch(text)
    return text if match is None else match[1] or match[2]


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    # Both forms: a server that listens on IPv6 sees IPv4 proxies as mapped addresses.
    forms = {address, _unmapped(address)}
    return any(form in network for network in trusted for form in forms)


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
