"""Finds a port for a server of the tests or of the bench."""

import socket
from contextlib import suppress
from random import SystemRandom

_PORTS = range(20_000, 32_000)
"""The candidate ports, below those that the system assigns to outgoing connections."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now.

    The port is chosen with `SystemRandom`, because `random` has the same seed in all workers.
    """
    while True:
        port = SystemRandom().choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
