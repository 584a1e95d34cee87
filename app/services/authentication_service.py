"""Authenticates clients by their token, and limits attempts and failures per address."""

from ipaddress import IPv6Address, IPv6Network

from app.domain.credential import Credential
from app.domain.errors import AuthenticationCode, AuthenticationError, Unavailable
from app.ports import AttemptLimiter, TokenVerifier
from app.services.token_blacklist_service import TokenBlacklistService

_BEARER = "bearer "
_NETWORK_PREFIX_BITS = 64


class AuthenticationService:
    """Verifies the tokens that clients send, and counts attempts and failures per address."""

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
        """Verify the token of a connecting client.

        The limits of the address are checked before any cryptography. A failure that is the
        client's fault counts against its address. An attempt with a valid token does not count, so
        a thousand users can connect from one address.

        Raises:
            AuthenticationError: The token or the address is rejected; the code gives the reason.
        """
        network = client_network(address)
        wait_seconds = await self._limiter.attempt(network)
        if wait_seconds > 0:
            raise AuthenticationError(
                AuthenticationCode.TOO_MANY_ATTEMPTS, retry_after_seconds=wait_seconds
            )
        try:
            credential = await self._verify(sent, admit_unchecked=self._admit_unchecked)
        except AuthenticationError as error:
            raise await self.counted(error, address) from error.__cause__
        self._limiter.succeeded(network)
        return credential

    async def authenticate_again(self, sent: object, address: str) -> Credential:
        """Verify the new token of a connected client.

        A refresh does not count as an attempt, so a thousand users of one address can refresh their
        tokens. While revocations cannot be read, the token is accepted: open sessions are checked
        again as soon as revocations can be read.

        Raises:
            AuthenticationError: The token is rejected; the code gives the reason.
        """
        try:
            return await self._verify(sent, admit_unchecked=True)
        except AuthenticationError as error:
            raise await self.counted(error, address) from error.__cause__

    async def counted(self, error: AuthenticationError, address: str) -> AuthenticationError:
        """Return the error; unless the error is temporary, count it against the address.

        Sets ``error.failures`` to the number of recent failures from this address.
        """
        if not error.temporary:
            error.failures = await self._limiter.failed(client_network(address), error.code)
        return error

    async def _verify(self, sent: object, *, admit_unchecked: bool) -> Credential:
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


def client_network(address: str) -> str:
    """Return the network whose attempts, failures and log lines are counted together.

    For IPv6 this is the /64 network, which one household or server owns: counting each address
    separately would give the owner 2**64 attempts. IPv4-mapped IPv6 addresses are unwrapped. An
    IPv4 address, and anything that is not an address, is returned unchanged.
    """
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), _NETWORK_PREFIX_BITS), strict=False))
