"""Where revoked tokens are remembered until they would have expired anyway."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, runtime_checkable

MAX_REVOCATIONS = 1_000
"""How many `TokenBlacklist.revoked_after` answers at a time."""


def token_digest(token: str) -> str:
    """The SHA-256 of a token in hex: what is compared, so that no token needs to be kept."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class RevocationLog:
    """Digests revoked since a position, and the position to ask from next."""

    digests: tuple[str, ...]
    position: int


@runtime_checkable
class TokenBlacklist(Protocol):
    """A set of tokens with an end to each entry. Survives a restart where the storage does."""

    async def add(self, token: str, ttl_seconds: int) -> None:
        """Remember the token for at least ``ttl_seconds`` (>= 1). Adding it again extends it.

        Raises:
            Unavailable: Nothing was stored.
        """
        ...

    async def contains(self, token: str) -> bool:
        """Whether the token is revoked now.

        Raises:
            Unavailable: It cannot be known now.
        """
        ...

    async def revoked_after(self, position: int) -> RevocationLog:
        """What was added after ``position``, by this process or another, extensions included.

        Position 0 is before everything. Entries that have ended may be left out. At most
        `MAX_REVOCATIONS` at a time: ask again from the answer's position for the rest.

        Raises:
            Unavailable: It cannot be known now.
        """
        ...
