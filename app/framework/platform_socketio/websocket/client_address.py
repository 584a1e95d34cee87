"""Finds the IP address of a client, even if the client connects through proxies."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network

TRUSTED_PROXIES = web.AppKey("TRUSTED_PROXIES", tuple[Network, ...])
"""The key of the trusted proxies in the aiohttp application of a `NestApplication`."""

# Azure's gateways append the port to the address.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([^]]+)\](?::[0-9]+)?")


def client_address(request: web.Request, trusted: Sequence[Network]) -> str:
    """Return the address of the TCP peer, or of the client behind trusted proxies.

    If the peer is a trusted proxy, ``X-Forwarded-For`` is read from right to left, up to the first
    address that is not a trusted proxy. Proxies append on the right, so entries that the client
    itself wrote are not read. Ports are removed. An IPv4-mapped IPv6 address
    (``::ffff:10.1.2.3``) is returned as the IPv4 address.
    """
    remote = request.remote or ""
    if not trusted and ":" not in remote:  # usual case: an IPv4 peer, and no trusted proxies
        return remote
    peer = _parse_address(remote)
    if peer is None:
        return remote
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    while _is_trusted(peer, trusted) and forwarded:
        candidate = _parse_address(_remove_port(forwarded.pop().strip()))
        if candidate is None:
            break
        peer = candidate
    return str(_unwrap_ipv4(peer))


def is_proxy(address: str, trusted: Sequence[Network]) -> bool:
    """Return whether this is the address of a trusted proxy."""
    peer = _parse_address(address) if trusted else None
    return peer is not None and _is_trusted(peer, trusted)


def _remove_port(text: str) -> str:
    match = _WITH_PORT.fullmatch(text)
    return text if match is None else match[1] or match[2]


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    # Check both forms: on an IPv6 listener, an IPv4 proxy has an IPv4-mapped IPv6 address.
    forms = {address, _unwrap_ipv4(address)}
    return any(form in network for network in trusted for form in forms)


def _unwrap_ipv4(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
