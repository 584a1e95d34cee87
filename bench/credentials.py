"""Creates a key pair, a session token for each user, and the membership of the channels.

Users 0 to 9 are in ``a1``, 0 to 99 in ``b1`` and 0 to 999 in ``c1``. The channels ``r1`` to
``r100`` have ten of these users each. Each block of 2,000 users shares 200 channels, ten users per
channel: users 2,000 to 3,999 are in ``k1x1`` to ``k1x200``. (``k0x1`` to ``k0x200`` have only five,
because users 0 to 999 are not in these channels.)
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)

from bench.folders import WORK

USERS = 20_000
"""The number of users: more than the connections of any workload."""

ISSUER = "https://clerk.example.test"
PARTY = "http://localhost:3000"

_IN_LARGE_ROOMS = 1000
_LIFE_SECONDS = 30 * 24 * 3600
_NEEDED_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys and users of a run.

    Attributes:
        public_key: The public key, in PEM format.
        tokens: A file with one token per line.
        membership: A JSON file, ``{user: [channel]}``.
    """

    public_key: str
    tokens: Path
    membership: Path


def credentials() -> Credentials:
    """Return the credentials of the last run; if they expire within a day, create new ones."""
    folder = WORK / "credentials"
    made = folder / "made"
    if not made.exists() or time.time() - made.stat().st_mtime > _LIFE_SECONDS - _NEEDED_SECONDS:
        print(f"Creating a key pair and {USERS:,} session tokens ...", flush=True)
        _make(folder)
        made.touch()
    return Credentials(
        public_key=(folder / "public.pem").read_text(),
        tokens=folder / "tokens.txt",
        membership=folder / "membership.json",
    )


def channels_of(user: int) -> list[str]:
    """Return the channels of the user with this number."""
    if user >= _IN_LARGE_ROOMS:
        return [f"k{user // 2000}x{user % 200 + 1}"]
    sizes = (("a1", 10), ("b1", 100), ("c1", _IN_LARGE_ROOMS))
    return [*(name for name, size in sizes if user < size), f"r{user % 100 + 1}"]


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)
    now = int(time.time())
    tokens = (jwt.encode(_claims(user, now), key, algorithm="RS256") for user in range(USERS))
    (folder / "tokens.txt").write_text("".join(f"{token}\n" for token in tokens))
    membership = {user_id(user): channels_of(user) for user in range(USERS)}
    (folder / "membership.json").write_text(json.dumps(membership))


def _claims(user: int, now: int) -> dict[str, str | int]:
    return {
        "azp": PARTY,
        "exp": now + _LIFE_SECONDS,
        "iat": now - 5,
        "iss": ISSUER,
        "nbf": now - 10,
        "sid": f"sess_{user:027}",
        "sub": user_id(user),
    }


def user_id(user: int) -> str:
    """Return the id of the user with this number."""
    return f"user_{user:027}"
