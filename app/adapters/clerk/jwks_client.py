"""Fetches the issuer's public keys from a URL for the first token, and then at intervals."""

import asyncio
import logging
import math
from contextvars import Context

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.adapters.clerk.jwks import parse_jwks
from app.adapters.clerk.signing_keys import SigningKeys
from app.domain.errors import AuthenticationCode, AuthenticationError
from app.ports import Clock, Timer

REFRESH_SECONDS = 240.0
"""The time from a successful fetch to the next fetch.

A key that the issuer withdraws is accepted until the next successful fetch.
"""
RETRY_SECONDS = 30.0
"""The time from the start of a failed fetch to the next fetch."""
UNKNOWN_KEY_SECONDS = 30.0
"""The minimum time between two fetches for unknown key ids, which an attacker can invent."""
COLD_SECONDS = 1.0
"""The minimum time between two fetches while no key is cached. Tokens are rejected meanwhile."""
FETCH_TIMEOUT_SECONDS = 2.0
MAX_BODY_BYTES = 65_536

_logger = logging.getLogger(__name__)


class JwksClient(SigningKeys):
    """Caches the key set of one URL.

    `find` returns a cached key at once. For an unknown key, `find` waits for a fetch, for at most
    ``timeout_seconds``. Concurrent callers share one fetch. An invalid signature never causes a
    fetch. The cache is refreshed in the background. If a fetch fails, the cached keys stay valid.
    """

    def __init__(
        self, url: str, clock: Clock, timeout_seconds: float = FETCH_TIMEOUT_SECONDS
    ) -> None:
        self._url = url
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._keys: dict[str, RSAPublicKey] = {}
        self._is_current = False
        self._no_fetch_before = -math.inf
        self._fetch: asyncio.Task[None] | None = None
        self._next_fetch: Timer | None = None

    async def find(self, key_id: str | None) -> RSAPublicKey:
        """Return the key named ``key_id``. A token without a key id is rejected."""
        if key_id is None:
            raise AuthenticationError(AuthenticationCode.TOKEN_KEY_UNKNOWN)
        if key_id not in self._keys:
            await self._fetch_unless_recent()
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if not self._is_current:
            # The last fetch failed, so the token may be valid and signed with a new key.
            raise AuthenticationError(AuthenticationCode.KEYS_UNAVAILABLE)
        raise AuthenticationError(AuthenticationCode.TOKEN_KEY_UNKNOWN)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Cancel the running fetch and the scheduled fetch."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait([self._fetch])
        if self._next_fetch is not None:
            self._next_fetch.cancel()

    async def _fetch_unless_recent(self) -> None:
        """Wait for the running fetch, or start a fetch unless the last one was too recent."""
        fetch = self._fetch
        if fetch is None:
            now = self._clock.monotonic()
            if now < self._no_fetch_before:
                return
            self._no_fetch_before = now + (UNKNOWN_KEY_SECONDS if self._keys else COLD_SECONDS)
            fetch = self._start_fetch()
        # If this caller is cancelled, `wait` does not cancel the fetch that other callers share.
        await asyncio.wait([fetch])

    def _refresh(self) -> None:
        if self._fetch is None:
            self._start_fetch()

    def _start_fetch(self) -> asyncio.Task[None]:
        # Schedule the next fetch before this one starts, so that an error cannot stop the
        # refreshing.
        self._refresh_in(RETRY_SECONDS)
        # Use an empty context: the fetch serves all clients, so its log lines must not contain the
        # ids of a single client.
        self._fetch = asyncio.create_task(self._fetch_keys(), name="jwks fetch", context=Context())
        return self._fetch

    def _refresh_in(self, seconds: float) -> None:
        if self._next_fetch is not None:
            self._next_fetch.cancel()
        self._next_fetch = self._clock.call_later(seconds, self._refresh)

    async def _fetch_keys(self) -> None:
        self._is_current = False
        try:
            self._keys = parse_jwks(await self._download())
            self._is_current = True
            self._refresh_in(REFRESH_SECONDS)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            _logger.warning("the signing keys cannot be fetched: %s", repr(error))
        finally:
            self._fetch = None

    async def _download(self) -> bytes:
        # Do not keep an HTTP session between fetches, because the next fetch is minutes away.
        async with (
            aiohttp.ClientSession(timeout=self._timeout) as session,
            # Do not follow redirects: they could lead into the server's own network.
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
