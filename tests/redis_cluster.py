"""A real Redis Cluster of three masters and a replica for the tests, on free ports of 127.0.0.1."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.deadlines import PROCESS_SECONDS
from tests.free_port import free_port
from tests.redis_server import RedisServer

_MASTERS = 3


class RedisCluster:
    """Three masters with a third of the slots each, and one replica. Every method blocks.

    Attributes:
        masters: The original masters. A failover does not change this list.
        replica: The replica of the first master. The other masters have none.
    """

    def __init__(self) -> None:
        *self.masters, self.replica = servers = [_start() for _ in range(_MASTERS + 1)]
        self._ids = [_cluster(each, "MYID") for each in self.masters]
        bounds = [number * REDIS_CLUSTER_HASH_SLOTS // _MASTERS for number in range(_MASTERS + 1)]
        self._owner: list[int] = []
        for number, master in enumerate(self.masters):
            first, end = bounds[number : number + 2]
            _cluster(master, "ADDSLOTSRANGE", first, end - 1)
            _cluster(master, "SET-CONFIG-EPOCH", number + 1)
            self._owner += [number] * (end - first)
        for server in servers:
            _cluster(server, "MEET", "127.0.0.1", self.masters[0].port, _bus_port(self.masters[0]))
        _until(lambda: all(map(_knows_all, servers)))
        _cluster(self.replica, "REPLICATE", self._ids[0])
        _until(lambda: all(map(_is_formed, servers)))

    @property
    def url(self) -> str:
        """The URL of the first master. Clients discover the other masters from it."""
        return f"redis+cluster://127.0.0.1:{self.masters[0].port}"

    def master_of(self, name: str) -> RedisServer:
        """Return the server of a key or channel."""
        return self.masters[self._owner[key_slot(name.encode())]]

    def move_slot(self, name: str) -> None:
        """Move the slot of a key or channel to the next master."""
        slot = key_slot(name.encode())
        old, new = self._owner[slot], (self._owner[slot] + 1) % _MASTERS
        for number in (new, old):
            _cluster(self.masters[number], "SETSLOT", slot, "NODE", self._ids[new])
        self._owner[slot] = new

    def fail_over(self) -> None:
        """Kill the first master, and wait until the others have made its replica the master."""
        self.masters[0].stop()
        _until(
            lambda: self.replica.port in [each[2][1] for each in _cluster(self.masters[1], "SLOTS")]
        )

    def flush(self) -> None:
        """Delete all keys."""
        for master in self.masters:
            master.client.flushall()

    def let_pass(self, seconds: float) -> None:
        """Shorten the remaining time of every key that expires."""
        for master in self.masters:
            master.let_pass(seconds)

    def stop(self) -> None:
        for server in (*self.masters, self.replica):
            server.stop()


def _start() -> RedisServer:
    return RedisServer(
        cluster_enabled="yes",
        cluster_port=str(free_port()),
        cluster_node_timeout="1000",
        cluster_require_full_coverage="no",
        repl_diskless_sync_delay="0",
    )


def _bus_port(server: RedisServer) -> str:
    return str(server.client.config_get("cluster-port")["cluster-port"])


def _knows_all(server: RedisServer) -> bool:
    return bool(str(_MASTERS + 1) == _cluster(server, "INFO")["cluster_known_nodes"])


def _is_formed(server: RedisServer) -> bool:
    """Return whether a server lists the slots of all masters, and the replica."""
    return ("ok", [1, 1, 2]) == (
        _cluster(server, "INFO")["cluster_state"],
        sorted(len(servers) for _, _, *servers in _cluster(server, "SLOTS")),
    )


def _ports_of_masters(server: RedisServer) -> set[int]:
    return {port for _, _, (_, port, *_), *_ in _cluster(server, "SLOTS")}


def _until(is_met: Callable[[], bool]) -> None:
    deadline = monotonic() + PROCESS_SECONDS
    while not is_met():
        assert monotonic() < deadline, "the cluster is not formed"
        sleep(0.02)


def _cluster(server: RedisServer, *command: str | int) -> Any:
    name, *arguments = command
    return server.client.execute_command(f"CLUSTER {name}", *arguments)  # type: ignore[no-untyped-call]
