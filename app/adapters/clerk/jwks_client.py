"""The public keys an issuer publishes at a URL, fetched when needed and kept."""

import asyncio
import logging
import math
from contextvars import Context

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.adapters.clerk.jwks import parse_jwks
from app.adapters.clerk.signing_keys import SigningKeys
from app.domain.errors import AuthenticationCode, AuthenticationError
from app.ports.clock import Clock

MAX_AGE_SECONDS = 300.0
"""After this the set is fetched again, so that a withdrawn key is honoured no longer."""
REFETCH_INTERVAL_SECONDS = 30.0
"""At most one fetch in this time, whatever key ids tokens claim: a stranger may not steer us."""
COLD_RETRY_SECONDS = 1.0
"""The same while there is no key at all, and so nobody can come in."""
FETCH_TIMEOUT_SECONDS = 2.0
MAX_BODY_BYTES = 65_536

_logger = logging.getLogger(__name__)


class JwksClient(SigningKeys):
    """Keeps one key set. A key is never fetched because a signature was bad.

    At most one fetch runs at a time; everybody who needs its outcome waits for that one, no longer
    than ``timeout_seconds``. When the endpoint fails, the keys at hand stay in use until it
    answers again.
    """

    def __init__(
        self, url: str, clock: Clock, timeout_seconds: float = FETCH_TIMEOUT_SECONDS
    ) -> None:
        self._url = url
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched_at = -math.inf
        self._attempted_at = -math.inf
        self._fetch: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> RSAPublicKey:
        """The key named ``key_id``; a token must name one."""
        if key_id is None:
            raise AuthenticationError(AuthenticationCode.TOKEN_KEY_UNKNOWN)
        if key_id not in self._keys or self._is_stale():
            await self._refresh()
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if self._fetched_at < self._attempted_at:
            # The last fetch failed: it may be a new key, so this is not the client's fault.
            raise AuthenticationError(AuthenticationCode.KEYS_UNAVAILABLE)
        raise AuthenticationError(AuthenticationCode.TOKEN_KEY_UNKNOWN)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Give up a fetch that is under way."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait([self._fetch])

    def _is_stale(self) -> bool:
        return self._clock.monotonic() - self._fetched_at >= MAX_AGE_SECONDS

    async def _refresh(self) -> None:
        """Join the fetch under way; else start one, unless the last one is too recent."""
        if self._fetch is None:
            interval = REFETCH_INTERVAL_SECONDS if self._keys else COLD_RETRY_SECONDS
            if self._clock.monotonic() - self._attempted_at < interval:
                return
            self._attempted_at = self._clock.monotonic()
            # A context of its own: it is done for all, and its log lines are no single client's.
            self._fetch = asyncio.create_task(
                self._fetch_keys(), name="jwks fetch", context=Context()
            )
        # Not awaited itself: one client that gives up must not end the fetch for the others.
        await asyncio.wait([self._fetch])

    async def _fetch_keys(self) -> None:
        try:
            self._keys = parse_jwks(await self._download())
            self._fetched_at = self._attempted_at
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            _logger.warning("The signing keys cannot be fetched: %s", repr(error))
        finally:
            self._fetch = None

    async def _download(self) -> bytes:
        # A session for each fetch: minutes lie between two, no connection is worth keeping.
        async with (
            aiohttp.ClientSession(timeout=self._timeout) as session,
            # A redirect could lead inside our own network; the issuer has no need of one.
            session.get(self._url, allow_redirects=False) as response,
        ):
            if response.status != 200:  # noqa: PLR2004 - HTTP's OK
                raise ValueError(f"HTTP status {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise ValueError(f"more than {MAX_BODY_BYTES} bytes")
            return bytes(body)
