"""A port for a server of the tests."""

import socket
from contextlib import suppress
from random import SystemRandom

_PORTS = range(20_000, 32_000)
"""Below those that the system gives to connections, which come and go in all workers."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody used a moment ago.

    It is chosen by the system's chance: that of `random` is the same in all workers.
    """
    while True:
        port = SystemRandom().choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
