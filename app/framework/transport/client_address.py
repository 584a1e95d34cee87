"""Whose connection it is, when proxies may stand between."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network

# Azure's gateways write the port, too.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([^]]+)\](?::[0-9]+)?")


def client_address(request: web.Request, trusted: Sequence[Network]) -> str:
    """The peer's address; behind a trusted proxy, the nearest one that is not trusted.

    ``X-Forwarded-For`` is read from its right end, where our own proxies write: what a client puts
    there itself stands further left and is never reached. A port beside an address is left out.
    """
    peer = request.remote or ""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    while _is_trusted(peer, trusted) and forwarded:
        candidate = _without_port(forwarded.pop().strip())
        if not _is_address(candidate):
            break
        peer = candidate
    return peer


def _without_port(text: str) -> str:
    match = _WITH_PORT.fullmatch(text)
    return text if match is None else match[1] or match[2]


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
