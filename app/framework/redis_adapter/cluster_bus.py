"""`ClusterBus`: publishes and receives messages through the sharded channels of a Redis Cluster."""

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any

import structlog
from redis.crc import key_slot
from redis.exceptions import RedisError, ResponseError

from app.framework.common.minute_log import MinuteLog
from app.framework.redis_adapter.background_task import BackgroundTask
from app.framework.redis_adapter.channels import SHARDED, Channel
from app.framework.redis_adapter.redis_bus import Command, Receive, RedisBus
from app.framework.redis_adapter.servers.redis_connection import ANSWER_SECONDS, RedisConnection
from app.framework.redis_adapter.servers.redis_connections import RedisConnections
from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl
from app.framework.redis_adapter.servers.slot_map import SlotMap

REFRESH_SECONDS = 3.0
"""The interval at which the slots are read again while all masters are connected."""
RETRY_SECONDS = 0.5
"""The same interval while a master is not connected."""
MIN_PAUSE_SECONDS = 0.2
"""The minimum time between two readings of the slots."""
MOVE_SECONDS = 1.0
"""The time after a move of a slot in which a MOVED error of its new master is not followed."""
_MOVED = re.compile(r"MOVED (?P<slot>[0-9]+) (?P<host>.*):(?P<port>[0-9]+)")

_log = structlog.stdlib.get_logger("ClusterBus")


class ClusterBus:
    """Has a `RedisBus` for each master, and uses that of the master with the channel's slot.

    It reads the slots again when a connection is lost, when a server says that a slot has moved,
    and at intervals. Then it moves the subscriptions and the queued messages. Messages of different
    channels may arrive in a different order.

    The interface is that of `RedisBus`. A queue's limits apply to each master.
    """

    def __init__(self, url: RedisUrl) -> None:
        self.node_id = secrets.token_hex(8)
        self.dropped: Counter[str] = Counter()
        self._url = url
        self._slots = SlotMap(url)
        self._shards: dict[Address, _Shard] = {}
        self._homes: dict[Channel, _Shard] = {}
        """The bus that subscribes to each channel."""
        self._unknown = self._new_shard(url.addresses[0])
        """Keeps the channels and messages of unknown masters. It is never opened."""
        self._is_outdated = asyncio.Event()
        self._moved_at: dict[int, float] = {}
        self._on_connected: list[Callable[[], None]] = []
        self._follower = BackgroundTask("cluster-slots")
        self._is_followed = asyncio.Event()
        self._failures = MinuteLog(_log_failure)

    @property
    def is_connected(self) -> bool:
        """Whether the node exchanges messages with other nodes now, through all masters."""
        return bool(self._shards) and all(each.is_connected for each in self._shards.values())

    def when_connected(self, callback: Callable[[], None]) -> None:
        """See `Cluster.when_connected`. It is called for each master."""
        self._on_connected.append(callback)

    async def open(self) -> None:
        """See `RedisBus.open`."""
        self._follower.start(self._follow_slots())
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await self._is_followed.wait()
        except TimeoutError:
            _log.warning("not connected to the Redis Cluster yet; other nodes are not reached")

    async def close(self) -> None:
        """See `RedisBus.close`."""
        await self._follower.stop()
        shards = (self._unknown, *self._shards.values())
        await asyncio.gather(*(each.close() for each in shards))

    def publish(self, channel: Channel, payload: bytes, *, volatile: bool = False) -> bool:
        """See `RedisBus.publish`."""
        return self._shard_of(channel.name).publish(channel, payload, volatile=volatile)

    def subscribe(self, channel: Channel, receive: Receive) -> None:
        """See `RedisBus.subscribe`."""
        home = self._homes.get(channel)
        if home is None:
            home = self._homes[channel] = self._shard_of(channel.name)
        home.subscribe(channel, receive)

    def unsubscribe(self, channel: Channel, receive: Receive) -> None:
        """See `RedisBus.unsubscribe`."""
        home = self._homes.get(channel)
        if home is not None:
            home.unsubscribe(channel, receive)
            if not home.has_receivers(channel):
                del self._homes[channel]

    async def count_other_nodes(self, channel: Channel) -> int:
        """See `RedisBus.count_other_nodes`."""
        await self.confirm_subscriptions()
        return await self._shard_of(channel.name).count_other_nodes(channel)

    async def confirm_subscriptions(self) -> None:
        """Wait until the connected masters have confirmed the subscriptions so far.

        When another master is connected, the functions of `when_connected` are called.

        Raises:
            ConnectionError: No master is connected, or one does not answer.
        """
        connected = [each for each in self._shards.values() if each.is_connected]
        if not connected:
            raise ConnectionError("the node is not connected to the Redis Cluster")
        confirmations = (each.confirm_subscriptions() for each in connected)
        for failure in await asyncio.gather(*confirmations, return_exceptions=True):
            if failure is not None:
                raise failure

    def _shard_of(self, name: bytes) -> "_Shard":
        master = self._slots.master_of(name)
        return self._unknown if master is None else self._shards.get(master, self._unknown)

    def _new_shard(self, address: Address) -> "_Shard":
        options = self._slots.options_of(address)
        shard = _Shard(RedisConnections(self._url.connection_class, options), self)
        shard.address, shard.node_id, shard.dropped = address, self.node_id, self.dropped
        shard.when_connected(self._call_when_connected)
        return shard

    def _call_when_connected(self) -> None:
        for callback in self._on_connected:
            callback()

    async def _follow_slots(self) -> None:
        time = asyncio.get_running_loop().time
        while True:
            self._is_outdated.clear()
            began = time()
            try:
                await self._slots.refresh()
                await self._apply_slots()
                self._is_followed.set()
            except (OSError, RedisError) as error:
                self._failures.count("the slots of the Redis Cluster are unknown", str(error))
            except Exception as error:  # noqa: BLE001 - this loop must not end
                self._failures.count("the new slots cannot be applied", type(error).__name__)
            await asyncio.sleep(max(0, MIN_PAUSE_SECONDS - (time() - began)))
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS if self.is_connected else RETRY_SECONDS):
                    await self._is_outdated.wait()

    async def _apply_slots(self) -> None:
        masters = self._slots.masters
        added = [self._new_shard(each) for each in masters - self._shards.keys()]
        self._shards |= {each.address: each for each in added}
        has_moved = False
        for channel, home in tuple(self._homes.items()):
            shard = self._shard_of(channel.name)
            if shard is not home:
                home.hand_over(channel, shard)
                self._homes[channel] = shard
                has_moved = True
        removed = [self._shards[each] for each in self._shards.keys() - masters]
        for shard in (self._unknown, *removed):
            for name, payload in shard.take_queue():
                self.publish(Channel(SHARDED, name), payload)
        await asyncio.gather(
            *(each.open() for each in added),
            *(each.close() for each in removed),
            *(each.subscribe_refused() for each in self._shards.values()),
        )
        for shard in removed:
            del self._shards[shard.address]
        if has_moved and self._is_followed.is_set():
            with suppress(ConnectionError):  # the callbacks run after the next connect
                await self.confirm_subscriptions()
                self._call_when_connected()

    def refresh_soon(self) -> None:
        """Read the slots again, without waiting for the interval."""
        self._is_outdated.set()

    def redirect(self, refusing: "_Shard", command: Command, error: ResponseError) -> bool:
        """If a master has refused a message with a MOVED error, publish it to the named master.

        Return False if it is another error, if the slot has moved to this master less than
        `MOVE_SECONDS` ago, or if the message was dropped.
        """
        moved = _MOVED.fullmatch(str(error))
        if moved is None:
            return False
        self._is_outdated.set()
        _, name, payload = command.parts
        slot, now = key_slot(name), asyncio.get_running_loop().time()
        if self._shard_of(name) is refusing:
            if now - self._moved_at.get(slot, -inf) < MOVE_SECONDS:
                return False
            self._moved_at[slot] = now
            host = moved["host"] or refusing.address.host
            self._slots.move(slot, Address(host, int(moved["port"])))
        return self.publish(Channel(SHARDED, name), payload)


class _Shard(RedisBus):
    """The bus of one master."""

    address: Address

    def __init__(self, connections: RedisConnections, cluster: ClusterBus) -> None:
        super().__init__(connections)
        self._cluster = cluster
        self._is_refused = False
        """Whether the master has refused or ended a subscription."""

    def has_receivers(self, channel: Channel) -> bool:
        """Return whether this bus subscribes to a channel."""
        return channel in self._receivers

    def hand_over(self, channel: Channel, to: "_Shard") -> None:
        """Move the subscriptions to a channel to another master.

        The old master ends them by itself when it loses the slot.
        """
        to._receivers[channel] = self._receivers.pop(channel)  # noqa: SLF001 - the same class
        to._command(channel.subscribe, channel.name)  # noqa: SLF001

    def take_queue(self) -> list[tuple[bytes, bytes]]:
        """Remove the messages that were not sent. Return the channel and payload of each."""
        taken = [each for each in self._queue if each.answer is None]
        self._queue.clear()
        self._queued_bytes -= sum(len(each.parts[-1]) for each in taken)
        if not self._unanswered:
            self._is_queue_empty.set()
        return [(name, payload) for _, name, payload in (each.parts for each in taken)]

    async def subscribe_refused(self) -> None:
        """Subscribe to all channels again if the master has refused or ended a subscription."""
        if self._is_refused and self._subscribing is not None:
            self._is_refused = False
            with suppress(ConnectionError):  # a new connection subscribes to all channels
                await self._subscribe_again()

    def _refuse(self, command: Command, error: ResponseError) -> None:
        if not self._cluster.redirect(self, command, error):
            super()._refuse(command, error)

    async def _receive_messages(self, connection: RedisConnection) -> None:
        try:
            await super()._receive_messages(connection)
        finally:
            self._is_refused = False
            self._cluster.refresh_soon()

    def _handle_reply(self, reply: Any) -> None:
        if isinstance(reply, ResponseError) and str(reply).startswith("MOVED "):
            self._miss_subscription()
        else:
            super()._handle_reply(reply)
            is_ended = isinstance(reply, list) and reply[0] == b"sunsubscribe"
            if is_ended and Channel(SHARDED, reply[1]) in self._receivers:
                # The master has lost the slot, unless this answers an earlier command.
                self._miss_subscription()

    def _miss_subscription(self) -> None:
        self._is_refused = True
        self._cluster.refresh_soon()


def _log_failure(what: str, error: str, times: int) -> None:
    _log.error(what, error=error, times=times)
