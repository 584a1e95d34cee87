"""The documented token blacklist, and word of each revocation to whoever holds live sessions."""

import asyncio
import logging
from collections.abc import Callable

from app.domain.errors import Unavailable
from app.ports import TokenBlacklist
from app.ports.token_blacklist import token_digest

WATCH_INTERVAL_SECONDS = 2.0

_logger = logging.getLogger(__name__)


class TokenBlacklistService:
    """Revokes tokens, answers whether one is revoked, and tells listeners what was revoked.

    Listeners hear of this process's own revocations at once and of other processes' within
    ``watch_interval_seconds`` while the store answers. They may hear of one more than once.
    """

    def __init__(
        self, store: TokenBlacklist, watch_interval_seconds: float = WATCH_INTERVAL_SECONDS
    ) -> None:
        self._store = store
        self._watch_interval_seconds = watch_interval_seconds
        self._listeners: list[Callable[[str], None]] = []
        self._position = 0
        self._watcher: asyncio.Task[None] | None = None

    async def blacklist_token(self, token: str, expiration_time: int) -> None:
        """Revoke a token for ``expiration_time`` seconds; less than one counts as one.

        Raises:
            Unavailable: The token is not revoked.
        """
        await self._store.add(token, max(1, expiration_time))
        self._tell(token_digest(token))

    async def is_blacklisted(self, token: str) -> bool:
        """Whether the token is revoked now.

        Raises:
            Unavailable: It cannot be known now.
        """
        return await self._store.contains(token)

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        """Have ``listener`` called with the digest of every token revoked from now on.

        It runs on the event loop and must neither raise nor take long.
        """
        self._listeners.append(listener)

    async def catch_up(self) -> None:
        """Tell the listeners of everything revoked since the last call that succeeded.

        Raises:
            Unavailable: The rest is told by the next call.
        """
        while True:
            log = await self._store.revoked_after(self._position)
            if log.position == self._position:
                return
            for digest in log.digests:
                self._tell(digest)
            self._position = log.position

    async def on_module_init(self) -> None:
        """Read past what was revoked before, then watch.

        The listeners depend on this service, so they register after this: history reaches nobody.
        Should the store not answer yet, they hear it later, which ends nothing that may live.
        """
        await self._try_to_catch_up()
        self._watcher = asyncio.create_task(self._watch(), name="revocation-watch")

    async def on_module_destroy(self) -> None:
        """Stop watching; a service never initialised has nothing to stop."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._watch_interval_seconds)
            await self._try_to_catch_up()

    async def _try_to_catch_up(self) -> None:
        try:
            await self.catch_up()
        except Unavailable as error:
            _logger.warning("revocations cannot be read now: %s", type(error).__name__)
        except Exception:
            _logger.exception("revocations could not be read")

    def _tell(self, digest: str) -> None:
        for listener in self._listeners:
            listener(digest)
