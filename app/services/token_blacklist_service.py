"""Revokes tokens, sign-ins and users, and notifies the open sessions of this node."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

from app.domain.credential import Credential, Revocation
from app.domain.errors import Unavailable
from app.ports import RevocationBus, RevocationStore

RETRY_SECONDS = 1.0
"""The poll interval while the store does not answer; short, so that recovery is detected soon."""

_logger = logging.getLogger(__name__)


class TokenBlacklistService:
    """Stores revocations and notifies the listener of this node.

    A session token lives for a minute, so revoking one token locks its user out for a minute at
    most. Therefore sign-ins and users can be revoked too.

    The listener receives this node's own revocations immediately, and those of other nodes from the
    bus. A revocation that the bus loses is found by polling the store: every
    ``poll_interval_seconds``, and when the bus reconnects. While the store does not answer, it is
    polled every `RETRY_SECONDS`. The listener may receive a revocation more than once.

    `revoke`, `blacklist_token`, `is_revoked`, `is_blacklisted` and `catch_up` raise `Unavailable`
    when the store does not answer. After this error of `revoke` or `blacklist_token`, the
    revocation may or may not be stored, and the caller must try again.
    """

    def __init__(
        self, store: RevocationStore, bus: RevocationBus, poll_interval_seconds: float
    ) -> None:
        self._store = store
        self._bus = bus
        self._poll_interval_seconds = poll_interval_seconds
        self._on_revoked: Callable[[Revocation], None] = _ignore
        self._live: Callable[[], Iterable[Credential]] = tuple
        self._poll_now = asyncio.Event()
        self._store_failed = False
        self._poller: asyncio.Task[None] | None = None

    async def blacklist_token(self, token: str, expiration_time: int) -> None:
        """Revoke a token for ``expiration_time`` seconds; a time below 1 counts as 1."""
        await self.revoke(Revocation.of_token(token), max(1, expiration_time))

    async def is_blacklisted(self, token: str) -> bool:
        """Whether the token itself is revoked; `is_revoked` also checks its sign-in and user."""
        return await self._store.contains_token(token)

    async def revoke(self, revocation: Revocation, ttl_seconds: int) -> None:
        """Store a revocation, then notify the listener of this node and the other nodes.

        Storing comes first, so a client that reconnects after the notification is rejected.
        """
        await self._store.add(revocation, ttl_seconds)
        self._on_revoked(revocation)
        try:
            await self._bus.publish(revocation)
        except Unavailable:
            _logger.warning("a revocation was not published; other nodes will find it by polling")

    async def is_revoked(self, credential: Credential) -> bool:
        """Whether the token, its sign-in or its user is revoked."""
        return await self._store.contains(credential)

    async def is_available(self) -> bool:
        """Whether revocations can be read now."""
        try:
            await self._store.contains_token("")
        except Unavailable:
            return False
        return True

    def watch(
        self, on_revoked: Callable[[Revocation], None], live: Callable[[], Iterable[Credential]]
    ) -> None:
        """Set the only listener. It receives every revocation from now on.

        The listener is called on the event loop. It must return quickly and must not raise.

        Args:
            live: Returns the credentials of the open sessions.
        """
        self._on_revoked = on_revoked
        self._live = live

    async def catch_up(self) -> None:
        """Read the revocations that the listener missed, and pass them to the listener.

        Raises:
            Unavailable: The store does not answer. The next call reads the remaining revocations.
        """
        async for revocations in self._store.missed(self._live):
            for revocation in revocations:
                self._on_revoked(revocation)

    async def on_module_init(self) -> None:
        """Subscribe to the bus and start polling.

        Before polling starts, the revocations that the store returns now are read and discarded:
        `SessionService` depends on this service, so it calls `watch` after this method. If the
        store does not answer now, a later poll may read these revocations and pass them to the
        listener. This is harmless: they only end sessions whose tokens are revoked.
        """
        self._bus.listen(self._receive, self._poll_now.set)
        await self._try_to_catch_up()
        self._poller = asyncio.create_task(self._poll(), name="revocation-poller")

    async def on_module_destroy(self) -> None:
        """Stop polling, if the service was initialised."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait([self._poller])

    def _receive(self, revocation: Revocation) -> None:
        # This method is subscribed to the bus before `watch` sets the listener, so read the
        # listener on each call.
        self._on_revoked(revocation)

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        polled_at = loop.time()
        while True:
            interval_seconds = self._poll_interval_seconds
            if self._store_failed:
                # The bus may reconnect before the store is back, so do not wait for the signal of
                # the bus.
                interval_seconds = min(interval_seconds, RETRY_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(polled_at + interval_seconds):
                    await self._poll_now.wait()
            polled_at = loop.time()
            self._poll_now.clear()
            await self._try_to_catch_up()

    async def _try_to_catch_up(self) -> None:
        try:
            await self.catch_up()
        except Unavailable:
            if not self._store_failed:  # log once per outage
                _logger.warning("revocations cannot be read now")
            self._store_failed = True
        except Exception:
            _logger.exception("revocations could not be read")
        else:
            self._store_failed = False


def _ignore(_: Revocation) -> None:
    pass
