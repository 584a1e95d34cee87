"""A port on which several processes listen, each with its own queue of connections."""

import socket
from contextlib import ExitStack
from typing import Any

_EVERY_ADDRESS = "::"
"""The host that stands for all IPv4 and IPv6 addresses, as in `NestApplication.listen`."""

Address = tuple[socket.AddressFamily, Any]


class SharedPort:
    """Reserves a port for the processes of one server, and opens their sockets.

    With ``SO_REUSEPORT``, the kernel distributes new connections over all listening sockets. It
    would also let another server of the same user listen on this port, and take a share of the
    connections. Therefore a guard holds the port: a socket that does not listen, without
    ``SO_REUSEADDR``. While the guard exists, only sockets with ``SO_REUSEPORT`` can be bound, and a
    second `SharedPort` is refused, because its guard is bound without ``SO_REUSEPORT`` first.

    Only Linux distributes connections in this way.

    Raises:
        OSError: The address cannot be used; ``socket.gaierror`` if the host has no address.
    """

    def __init__(self, host: str, port: int) -> None:
        self._guards = ExitStack()
        self._addresses = _addresses(host, port)
        with ExitStack() as opened:
            for address in self._addresses:
                guard = opened.enter_context(_bound(address))
                # Listening makes the kernel compare this socket with all others at the port.
                # Without it, two servers that start at the same moment would both be accepted.
                guard.listen(1)
                guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
                guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                # The socket stays bound, but gets no connections.
                guard.shutdown(socket.SHUT_RD)
            self._guards = opened.pop_all()

    def open(self) -> list[socket.socket]:
        """Return a new socket for each address, bound and inheritable, but not listening."""
        with ExitStack() as opened:
            sockets = [opened.enter_context(_bound(each, shares=True)) for each in self._addresses]
            opened.pop_all()
        return sockets

    def close(self) -> None:
        """Release the port."""
        self._guards.close()


def _addresses(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(
        None if host == _EVERY_ADDRESS else host,
        port,
        type=socket.SOCK_STREAM,
        flags=socket.AI_PASSIVE,
    )
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bound(address: Address, *, shares: bool = False) -> socket.socket:
    family, name = address
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections that were closed a minute ago must not prevent a restart.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(name)
    except OSError:
        opened.close()
        raise
    return opened
