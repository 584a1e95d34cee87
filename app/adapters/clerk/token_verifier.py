"""Verifies Clerk's session tokens by Clerk's rules, or by RFC 8725 where RFC 8725 is stricter."""

from collections.abc import Collection

from app.adapters.clerk.signed_token import (
    JsonObject,
    read_claims,
    read_header,
    read_timestamp,
    read_unverified_claims,
)
from app.adapters.clerk.signing_keys import SigningKeys
from app.domain.errors import MISSING_PARTY_DETAIL, AuthenticationCode, AuthenticationError
from app.domain.ids import UserId, checked_id
from app.domain.principal import CLOCK_SKEW_SECONDS, Principal
from app.ports import Clock, TokenVerifier


class ClerkTokenVerifier(TokenVerifier):
    """Verifies tokens without a request to Clerk.

    Sign-outs are not detected here, but by a lookup in the revocation store. The signature is
    checked before the claims, so error codes reveal nothing about the claims of a forged token.
    """

    def __init__(
        self,
        keys: SigningKeys,
        clock: Clock,
        issuer: str,
        authorized_parties: Collection[str],
        *,
        allow_missing_party: bool,
        audience: Collection[str],
        accept_template_tokens: bool,
        max_token_seconds: int,
    ) -> None:
        """Set the rules that depend on the deployment.

        Args:
            allow_missing_party: Whether a token without ``azp`` is accepted. Clerk omits ``azp`` if
                the token was requested without an Origin header, as backends and some native apps
                do.
            audience: The accepted values of ``aud``: a token must contain one of these values. If
                the collection is empty, ``aud`` is not checked, because Clerk's session tokens do
                not contain ``aud``.
            max_token_seconds: The maximum lifetime of a token after its ``iat``, even if its
                ``exp`` is later. Revocations are stored for the same time, so a revoked token never
                becomes valid again. Clerk always sets ``iat``; a token without it is valid until
                its ``exp``.
        """
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._authorized_parties = frozenset(authorized_parties)
        self._allow_missing_party = allow_missing_party
        self._audience = frozenset(audience)
        self._accept_template_tokens = accept_template_tokens
        self._max_token_seconds = max_token_seconds

    async def verify(self, token: str) -> Principal:
        """Return the token's principal.

        Uses the network only if the signing key must be fetched.
        """
        header = read_header(token)
        if header.is_from_template and not self._accept_template_tokens:
            raise AuthenticationError(AuthenticationCode.TOKEN_KIND)
        claims = read_claims(token, await self._keys.find(header.key_id))
        self._check_issuer(claims)
        user_id = _user_id(claims)
        issued_at, expires_at = self._check_times(claims)
        if claims.get("sts") == "pending":
            raise AuthenticationError(AuthenticationCode.SESSION_PENDING)
        return Principal(
            user_id,
            _optional_id(claims, "sid"),
            _optional_id(claims, "jti"),
            expires_at=expires_at,
            issued_at=issued_at,
        )

    def claimed_expiry(self, token: str) -> float:
        """Return the ``exp`` of a token after checking only its form and header.

        This node's settings are not applied, because another node may accept a token that this node
        rejects.
        """
        read_header(token)
        return float(_expiry(read_unverified_claims(token)))

    def _check_issuer(self, claims: JsonObject) -> None:
        issuer, party = claims.get("iss"), claims.get("azp")
        if issuer != self._issuer:
            raise AuthenticationError(AuthenticationCode.TOKEN_ISSUER, claims={"iss": issuer})
        if party is None:
            if not self._allow_missing_party:
                raise AuthenticationError(
                    AuthenticationCode.TOKEN_PARTY, MISSING_PARTY_DETAIL, {"azp": None}
                )
        elif not isinstance(party, str) or party not in self._authorized_parties:
            raise AuthenticationError(AuthenticationCode.TOKEN_PARTY, claims={"azp": party})
        if self._audience and self._audience.isdisjoint(_audience(claims)):
            audience = claims.get("aud")
            raise AuthenticationError(AuthenticationCode.TOKEN_PARTY, claims={"aud": audience})

    def _check_times(self, claims: JsonObject) -> tuple[float, float]:
        """Return the times of issue (0 without ``iat``) and of expiry."""
        now = self._clock.now().timestamp()
        ends_at, issued_at = float(_expiry(claims)), read_timestamp(claims, "iat")
        if issued_at is not None:
            ends_at = min(ends_at, issued_at + self._max_token_seconds)
        if ends_at <= now - CLOCK_SKEW_SECONDS:
            raise AuthenticationError(AuthenticationCode.TOKEN_EXPIRED)
        if max(issued_at or 0, read_timestamp(claims, "nbf") or 0) > now + CLOCK_SKEW_SECONDS:
            raise AuthenticationError(AuthenticationCode.TOKEN_NOT_YET_VALID)
        # If the issuer's clock is ahead, ``iat`` is in the future. Use the current time instead, so
        # that a later revocation of the user covers this session.
        return min(float(issued_at or 0), now), ends_at


def _expiry(claims: JsonObject) -> int:
    expires_at = read_timestamp(claims, "exp")
    if expires_at is None:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return expires_at


def _audience(claims: JsonObject) -> frozenset[str]:
    value = claims.get("aud")
    entries = value if isinstance(value, list) else [value]
    if all(isinstance(entry, str) for entry in entries):
        return frozenset(entries)
    return frozenset()


def _user_id(claims: JsonObject) -> UserId:
    try:
        return UserId(checked_id(claims.get("sub")))
    except ValueError:
        raise AuthenticationError(AuthenticationCode.TOKEN_SUBJECT) from None


def _optional_id(claims: JsonObject, name: str) -> str | None:
    value = claims.get(name)
    try:
        return None if value is None else checked_id(value)
    except ValueError:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED) from None
