"""The public keys an issuer publishes at a URL: fetched for the first token, then kept fresh."""

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
"""From a fetch to the next one, and so how long a withdrawn key is honoured."""
RETRY_SECONDS = 30.0
"""The same when the fetch has failed."""
UNKNOWN_KEY_SECONDS = 30.0
"""At most one fetch in this time because of unknown key ids, which any stranger can make up."""
COLD_SECONDS = 1.0
"""The same while there is no key at all, and so nobody can come in."""
FETCH_TIMEOUT_SECONDS = 2.0
MAX_BODY_BYTES = 65_536

_logger = logging.getLogger(__name__)


class JwksClient(SigningKeys):
    """Keeps one key set, from the first token that needs it on.

    A known key is at hand without waiting, however old it is: the set is renewed in the background,
    and while the endpoint fails the keys at hand stay in use. Only an unknown key is waited for,
    ``timeout_seconds`` at most. One fetch at a time serves everybody; none is ever made because a
    signature was bad.
    """

    def __init__(
        self, url: str, clock: Clock, timeout_seconds: float = FETCH_TIMEOUT_SECONDS
    ) -> None:
        self._url = url
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._keys: dict[str, RSAPublicKey] = {}
        self._is_current = False
        self._not_asked_before = -math.inf
        self._fetch: asyncio.Task[None] | None = None
        self._next_fetch: Timer | None = None

    async def find(self, key_id: str | None) -> RSAPublicKey:
        """The key named ``key_id``; a token must name one."""
        if key_id is None:
            raise AuthenticationError(AuthenticationCode.TOKEN_KEY_UNKNOWN)
        if key_id not in self._keys:
            await self._ask()
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if not self._is_current:
            # The last fetch failed: it may be a new key, so this is not the client's fault.
            raise AuthenticationError(AuthenticationCode.KEYS_UNAVAILABLE)
        raise AuthenticationError(AuthenticationCode.TOKEN_KEY_UNKNOWN)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Give up a fetch that is under way, and begin no other."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait([self._fetch])
        if self._next_fetch is not None:
            self._next_fetch.cancel()

    async def _ask(self) -> None:
        """Join the fetch under way; else start one, unless strangers have just made us do so."""
        fetch = self._fetch
        if fetch is None:
            now = self._clock.monotonic()
            if now < self._not_asked_before:
                return
            self._not_asked_before = now + (UNKNOWN_KEY_SECONDS if self._keys else COLD_SECONDS)
            fetch = self._start_fetch()
        # Not awaited itself: one client that gives up must not end the fetch for the others.
        await asyncio.wait([fetch])

    def _renew(self) -> None:
        if self._fetch is None:
            self._start_fetch()

    def _start_fetch(self) -> asyncio.Task[None]:
        # Set before it succeeds: nothing that goes wrong may end the renewing.
        self._renew_in(RETRY_SECONDS)
        # A context of its own: it is done for all, and its log lines are no single client's.
        self._fetch = asyncio.create_task(self._fetch_keys(), name="jwks fetch", context=Context())
        return self._fetch

    def _renew_in(self, seconds: float) -> None:
        if self._next_fetch is not None:
            self._next_fetch.cancel()
        self._next_fetch = self._clock.call_later(seconds, self._renew)

    async def _fetch_keys(self) -> None:
        self._is_current = False
        try:
            self._keys = parse_jwks(await self._download())
            self._is_current = True
            self._renew_in(REFRESH_SECONDS)
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
