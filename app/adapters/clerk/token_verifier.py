"""Clerk's session tokens: who they speak for, by Clerk's rules or the stricter ones of RFC 8725."""

from collections.abc import Collection

from app.adapters.clerk.claimed_expiry import claimed_expiry
from app.adapters.clerk.signed_token import JsonObject, read_claims, read_key_id, read_timestamp
from app.adapters.clerk.signing_keys import SigningKeys
from app.domain.errors import AuthenticationCode, AuthenticationError
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.ports.clock import Clock
from app.ports.token_verifier import TokenVerifier

SKEW_SECONDS = 5
"""How far the issuer's clock may be from ours, either way. Clerk's default."""
MAX_SUBJECT_CHARS = 191
"""The longest user id that is believed. Clerk's have 32."""


class ClerkTokenVerifier(TokenVerifier):
    """Verifies without asking Clerk, so a sign-out is not seen here but in the blacklist.

    The signature comes before every claim: a forger learns nothing from the codes. ``aud`` is not
    looked at, as Clerk's session tokens carry none; ``azp`` says which application a token is for.
    """

    def __init__(
        self, keys: SigningKeys, clock: Clock, issuer: str, authorized_parties: Collection[str]
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._authorized_parties = frozenset(authorized_parties)

    async def verify(self, token: str) -> Principal:
        """Who the token speaks for; waits for the network only where the key must be fetched."""
        key = await self._keys.find(read_key_id(token))
        claims = read_claims(token, key)
        self._check_issuer(claims)
        user_id = _user_id(claims)
        expires_at = self._check_times(claims)
        if claims.get("sts") == "pending":
            raise AuthenticationError(AuthenticationCode.SESSION_PENDING)
        return Principal(user_id, _text(claims, "sid"), _text(claims, "jti"), float(expires_at))

    def claimed_expiry(self, token: str) -> float:
        return claimed_expiry(token)

    def _check_issuer(self, claims: JsonObject) -> None:
        if claims.get("iss") != self._issuer:
            raise AuthenticationError(AuthenticationCode.TOKEN_ISSUER)
        party = claims.get("azp")
        if not isinstance(party, str) or party not in self._authorized_parties:
            raise AuthenticationError(AuthenticationCode.TOKEN_PARTY)

    def _check_times(self, claims: JsonObject) -> int:
        now = self._clock.now().timestamp()
        expires_at = read_timestamp(claims, "exp")
        if expires_at is None:
            raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
        if expires_at <= now - SKEW_SECONDS:
            raise AuthenticationError(AuthenticationCode.TOKEN_EXPIRED)
        for name in ("nbf", "iat"):
            begins_at = read_timestamp(claims, name)
            if begins_at is not None and begins_at > now + SKEW_SECONDS:
                raise AuthenticationError(AuthenticationCode.TOKEN_NOT_YET_VALID)
        return expires_at


def _user_id(claims: JsonObject) -> UserId:
    subject = claims.get("sub")
    # Printable: NUL and lone surrogates would be refused by a database or a client much later.
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= MAX_SUBJECT_CHARS
        or not subject.isprintable()
    ):
        raise AuthenticationError(AuthenticationCode.TOKEN_SUBJECT)
    return UserId(subject)


def _text(claims: JsonObject, name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return value
