"""Whether a token is good, and how often an address may ask."""

from app.domain.credential import Credential
from app.domain.errors import AuthenticationCode, AuthenticationError, Unavailable
from app.ports import AttemptLimiter, TokenVerifier
from app.services.sessions.client_network import client_network
from app.services.token_blacklist_service import TokenBlacklistService

_BEARER = "bearer "


class AuthenticationService:
    """Judges what clients send as their token.

    Args:
        verifier: Of the identity provider.
        blacklist: Asked for each token once.
        limiter: Counts by address, IPv6 by its network: see `client_network`.
        accept_bearer: Whether ``Bearer `` before the token is tolerated.
        admit_unchecked: Whether to connect who cannot be checked for revocation.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        blacklist: TokenBlacklistService,
        limiter: AttemptLimiter,
        *,
        accept_bearer: bool,
        admit_unchecked: bool,
    ) -> None:
        self._verifier = verifier
        self._blacklist = blacklist
        self._limiter = limiter
        self._accept_bearer = accept_bearer
        self._admit_unchecked = admit_unchecked

    async def authenticate(self, sent: object, address: str) -> Credential:
        """Who a connecting client is, when ``address`` has not tried too often.

        The limits come before any cryptography; a refusal that is the client's fault counts
        against its address. A good token gives the attempt back, so an address with a thousand
        users may connect all of them.

        Raises:
            AuthenticationError: What was sent or the address is refused, by its code.
        """
        owner = client_network(address)
        wait_seconds = await self._limiter.attempt(owner)
        if wait_seconds > 0:
            raise AuthenticationError(
                AuthenticationCode.TOO_MANY_ATTEMPTS, retry_after_seconds=wait_seconds
            )
        try:
            credential = await self._judge(sent, admit_unchecked=self._admit_unchecked)
        except AuthenticationError as error:
            raise await self.counted(error, address) from error.__cause__
        self._limiter.succeeded(owner)
        return credential

    async def authenticate_again(self, sent: object, address: str) -> Credential:
        """Who an admitted client is by its next token.

        That is no attempt to connect, so its address may have a thousand users. While revocations
        cannot be read it goes on, as all who are connected do: what is live is looked at again as
        soon as they can be.

        Raises:
            AuthenticationError: What was sent is refused, by its code.
        """
        try:
            return await self._judge(sent, admit_unchecked=True)
        except AuthenticationError as error:
            raise await self.counted(error, address) from error.__cause__

    async def counted(self, error: AuthenticationError, address: str) -> AuthenticationError:
        """The error, counted against the address if it is the client's fault.

        It knows then how often that has happened.
        """
        if not error.temporary:
            error.failures = await self._limiter.failed(client_network(address), error.code)
        return error

    async def _judge(self, sent: object, *, admit_unchecked: bool) -> Credential:
        token = self._token(sent)
        credential = Credential.of(token, await self._verifier.verify(token))
        try:
            is_revoked = await self._blacklist.is_revoked(credential)
        except Unavailable as error:
            if not admit_unchecked:
                raise AuthenticationError(AuthenticationCode.REVOCATION_UNAVAILABLE) from error
        else:
            if is_revoked:
                raise AuthenticationError(AuthenticationCode.REVOKED)
        return credential

    def _token(self, sent: object) -> str:
        if not sent:
            raise AuthenticationError(AuthenticationCode.TOKEN_MISSING)
        if not isinstance(sent, str):
            raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
        if sent[: len(_BEARER)].lower() != _BEARER:
            return sent
        if self._accept_bearer:
            return sent[len(_BEARER) :].strip()
        raise AuthenticationError(AuthenticationCode.BEARER_PREFIX)
