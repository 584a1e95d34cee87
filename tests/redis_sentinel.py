"""A real master with a replica and three sentinels for the tests, on free ports of 127.0.0.1."""

import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from tests.deadlines import PROCESS_SECONDS
from tests.free_port import free_port
from tests.redis_server import VALKEY_PROGRAM, RedisServer

SERVICE = "chat"
_SENTINELS = 3
_QUORUM = 2
_DOWN_AFTER_MS = 500


class RedisSentinel:
    """A master and a replica, whose failovers three sentinels manage. Every method blocks.

    Attributes:
        master: The server that is the master now.
        replica: The other server.
    """

    def __init__(self) -> None:
        self.master, self.replica = RedisServer(), RedisServer()
        self.replica.client.replicaof("127.0.0.1", self.master.port)
        self._folder = tempfile.TemporaryDirectory(prefix="sentinel-")
        self._ports = [free_port() for _ in range(_SENTINELS)]
        self._processes = [self._start(port) for port in self._ports]
        self._sentinels = [Redis(port=port, decode_responses=True) for port in self._ports]
        self._until(self._is_ready)

    @property
    def url(self) -> str:
        """The sentinels' addresses and the service."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def fail_over(self) -> None:
        """Exchange the master and the replica. Both servers work during the failover."""
        self._until(self._is_ready)
        self.master, self.replica = self.replica, self.master
        self._until(self._is_failed_over)

    def kill_master(self) -> None:
        """Kill the master, and wait until the sentinels have made the replica the master.

        Then there is no replica for another failover.
        """
        self._until(self._is_ready)
        self.master.stop()
        self.master, self.replica = self.replica, self.master
        self._until(self._is_informed)

    def stop_sentinel(self) -> None:
        """Kill one sentinel. The others are still a majority."""
        self._sentinels.pop(0).close()
        process = self._processes.pop(0)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for sentinel in self._sentinels:
            sentinel.close()
        for process in self._processes:
            process.kill()
            process.wait()
        self.master.stop()
        self.replica.stop()
        self._folder.cleanup()

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        file = Path(self._folder.name) / f"{port}.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.master.port} {_QUORUM}\n"
            f"sentinel down-after-milliseconds {SERVICE} {_DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 1000\n"
        )
        return subprocess.Popen(  # noqa: S603 - the tests' own command
            [VALKEY_PROGRAM, file, "--sentinel"],
            cwd=self._folder.name,
            stdout=subprocess.DEVNULL,
        )

    def _is_ready(self, sentinel: Redis) -> bool:
        """Return whether a sentinel lists the other sentinels, the master and the replica."""
        state = _state(sentinel)
        return (self.master.port, "master", 1, _SENTINELS - 1) == tuple(
            state.get(each) for each in ("port", "flags", "num-slaves", "num-other-sentinels")
        )

    def _is_informed(self, sentinel: Redis) -> bool:
        return bool(self.master.port == _state(sentinel).get("port"))

    def _is_failed_over(self, sentinel: Redis) -> bool:
        """Return whether a sentinel names the new master. Request the failover until then."""
        if not self._is_informed(self._sentinels[0]):
            with suppress(ResponseError):  # a failover is in progress
                self._sentinels[0].sentinel_failover(SERVICE)
        return self._is_informed(sentinel)

    def _until(self, is_met: Callable[[Redis], bool]) -> None:
        deadline = monotonic() + PROCESS_SECONDS
        for sentinel in self._sentinels:
            while not is_met(sentinel):
                assert monotonic() < deadline, "the sentinels do not agree"
                sleep(0.05)


def _state(sentinel: Redis) -> dict[str, Any]:
    try:
        state: Any = sentinel.sentinel_master(SERVICE)
    except RedisConnectionError:  # the sentinel is starting
        return {}
    return dict(state)
