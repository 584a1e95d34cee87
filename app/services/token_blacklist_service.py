"""The documented token blacklist, grown to sign-ins and users, and word of it to live sessions."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

from app.domain.credential import Credential
from app.domain.errors import Unavailable
from app.domain.revocation import Revocation
from app.ports import RevocationBus, RevocationStore

RETRY_SECONDS = 1.0
"""Between two looks while the store does not answer: who was revoked waits for its return only."""

_logger = logging.getLogger(__name__)


class TokenBlacklistService:
    """Revokes, answers what is revoked, and tells the watcher of this node.

    A session token lives for a minute, so a list of tokens alone keeps nobody out for longer:
    beside the documented two methods, sign-ins and users are revoked in the same way.

    The watcher hears of this node's own revocations at once, of others' as soon as the channel
    tells, and of those it does not tell within ``watch_interval_seconds``, or as soon as the
    channel is back. Of what it could not hear because the store did not answer, it hears within
    `RETRY_SECONDS` of its return. It may hear of one more than once.
    """

    def __init__(
        self,
        store: RevocationStore,
        channel: RevocationBus,
        watch_interval_seconds: float,
    ) -> None:
        self._store = store
        self._channel = channel
        self._watch_interval_seconds = watch_interval_seconds
        self._on_revoked: Callable[[Revocation], None] = _ignore
        self._live: Callable[[], Iterable[Credential]] = tuple
        self._missed_something = asyncio.Event()
        self._is_behind = False
        self._watcher: asyncio.Task[None] | None = None

    async def blacklist_token(self, token: str, expiration_time: int) -> None:
        """Revoke a token for ``expiration_time`` seconds; less than one counts as one.

        Raises:
            Unavailable: Whether it is revoked is not certain; ask again.
        """
        await self.revoke(Revocation.of_token(token), max(1, expiration_time))

    async def is_blacklisted(self, token: str) -> bool:
        """Whether the token itself is revoked now; for its sign-in and user see `is_revoked`.

        Raises:
            Unavailable: It cannot be known now.
        """
        return await self._store.contains_token(token)

    async def revoke(self, revocation: Revocation, ttl_seconds: int) -> None:
        """Write, then tell: when anybody hears of it, whoever asks is refused already.

        Raises:
            Unavailable: Whether it is stored is not certain; ask again.
        """
        await self._store.add(revocation, ttl_seconds)
        self._on_revoked(revocation)
        try:
            await self._channel.publish(revocation)
        except Unavailable:
            _logger.warning("other nodes were not told of a revocation; they will find it")

    async def is_revoked(self, credential: Credential) -> bool:
        """Whether the token, its sign-in or its user is revoked.

        Raises:
            Unavailable: It cannot be known now.
        """
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
        """Have ``on_revoked`` called with what is revoked from now on.

        It runs on the event loop and must neither raise nor take long.

        Args:
            on_revoked: The watcher; there is one.
            live: What the sessions of this node stand on at the moment.
        """
        self._on_revoked = on_revoked
        self._live = live

    async def catch_up(self) -> None:
        """Tell the watcher of what it has missed.

        Raises:
            Unavailable: The rest is told by the next call.
        """
        async for revocations in self._store.missed(self._live):
            for revocation in revocations:
                self._on_revoked(revocation)

    async def on_module_init(self) -> None:
        """Listen, read past what was revoked before, then look after what may be missed.

        The watcher depends on this service, so it registers after this: history reaches nobody.
        Should the store not answer yet, it hears it later, which ends nothing that may live.
        """
        self._channel.listen(self._hear, self._missed_something.set)
        await self._try_to_catch_up()
        self._watcher = asyncio.create_task(self._look_after(), name="revocation-watch")

    async def on_module_destroy(self) -> None:
        """Stop watching; a service never initialised has nothing to stop."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])

    def _hear(self, revocation: Revocation) -> None:
        # The channel listens from the start; who watches is known only later.
        self._on_revoked(revocation)

    async def _look_after(self) -> None:
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        while True:
            interval_seconds = self._watch_interval_seconds
            if self._is_behind:
                # The channel may be back before the store: then its word came too early.
                interval_seconds = min(interval_seconds, RETRY_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(looked_at + interval_seconds):
                    await self._missed_something.wait()
            looked_at = loop.time()
            self._missed_something.clear()
            await self._try_to_catch_up()

    async def _try_to_catch_up(self) -> None:
        try:
            await self.catch_up()
        except Unavailable:
            if not self._is_behind:  # said once, however long it lasts
                _logger.warning("revocations cannot be read now")
            self._is_behind = True
        except Exception:
            _logger.exception("revocations could not be read")
        else:
            self._is_behind = False


def _ignore(_: Revocation) -> None:
    """Nobody watches yet."""
