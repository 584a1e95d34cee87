from collections.abc import Iterator

import pytest

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.revocation_store import RedisRevocationStore
from app.domain.credential import Credential, Revocation, RevocationKind
from app.domain.ids import UserId
from tests.contract.credentials import ALICES_TOKEN, ISSUED_AT, credential
from tests.redis_server import RedisServer

ALICE = UserId("user_alice")
TOKEN_KEY = f"blacklist:token:{ALICES_TOKEN}"
USER_KEY = "chatgenius:revoked:user:user_alice"


@pytest.fixture
def store(connection: RedisConnection) -> RedisRevocationStore:
    return RedisRevocationStore(connection)


async def test_add_writes_the_documented_key_when_a_token_is_revoked(
    store: RedisRevocationStore, redis_server: RedisServer
) -> None:
    """Redis contains only the key that a NestJS node would write, with the same value and TTL."""
    await store.add(Revocation.of_token(ALICES_TOKEN), ttl_seconds=60)

    assert [TOKEN_KEY] == redis_server.client.keys()
    assert "1" == redis_server.client.get(TOKEN_KEY)
    assert 59 <= redis_server.client.ttl(TOKEN_KEY) <= 60


@pytest.mark.parametrize("ttl_seconds", [0, -5])
async def test_add_keeps_a_second_when_the_time_is_over_already(
    store: RedisRevocationStore, redis_server: RedisServer, ttl_seconds: int
) -> None:
    """Redis rejects a TTL of 0, so the TTL is at least 1 second."""
    await store.add(Revocation.of_token(ALICES_TOKEN), ttl_seconds)

    assert 0 < redis_server.client.pttl(TOKEN_KEY) <= 1_000


@pytest.mark.parametrize(
    ("revocation", "key", "value"),
    [
        (Revocation.of_token(ALICES_TOKEN), TOKEN_KEY, "1"),
        (Revocation.of_user(ALICE, ISSUED_AT), USER_KEY, str(ISSUED_AT)),
    ],
    ids=["token", "user"],
)
async def test_add_leaves_a_key_without_an_end_when_another_wrote_it_so(
    store: RedisRevocationStore,
    redis_server: RedisServer,
    revocation: Revocation,
    key: str,
    value: str,
) -> None:
    redis_server.client.set(key, "0")

    await store.add(revocation, ttl_seconds=60)

    assert -1 == redis_server.client.ttl(key)
    assert value == redis_server.client.get(key)


async def test_add_refuses_a_tokens_revocation_when_the_token_is_not_at_hand(
    store: RedisRevocationStore,
) -> None:
    """A revocation needs the token itself, because NestJS nodes use the token in their key."""
    with pytest.raises(ValueError, match="needs the token itself"):
        await store.add(Revocation(RevocationKind.TOKEN, "digest"), ttl_seconds=60)


@pytest.mark.parametrize("value", ["", "0", "true", "revoked at some time"])
async def test_contains_holds_when_a_nestjs_node_wrote_the_key(
    store: RedisRevocationStore, redis_server: RedisServer, value: str
) -> None:
    """A token is revoked if its key exists, whatever the key's value."""
    redis_server.client.set(TOKEN_KEY, value, ex=60)

    assert await store.contains(credential())
    assert await store.contains_token(ALICES_TOKEN)


@pytest.mark.parametrize("value", [b"", b"yesterday", b"nan", b"\xff\xfe", b"1,769"])
async def test_contains_holds_when_a_users_key_holds_no_number(
    store: RedisRevocationStore, redis_server: RedisServer, value: bytes
) -> None:
    """A malformed value revokes all tokens of the user, even after another revocation."""
    redis_server.client.set(USER_KEY, value, ex=60)
    before = await store.contains(credential())

    await store.add(Revocation.of_user(ALICE, ISSUED_AT - 100), ttl_seconds=60)

    assert (True, True) == (before, await store.contains(credential()))


async def test_missed_gives_what_only_a_nestjs_node_wrote(
    store: RedisRevocationStore, redis_server: RedisServer
) -> None:
    """The store finds revocations that NestJS nodes have written without publishing them."""
    live = [credential(f"token-{n}", f"user_{n}", f"sess_{n}") for n in range(300)]
    redis_server.client.set("blacklist:token:token-299", "1", ex=60)

    missed = [each async for portion in store.missed(lambda: live) for each in portion]

    assert [Revocation.of_token("token-299")] == missed


async def test_missed_asks_for_the_live_credentials_once_when_they_change_meanwhile(
    store: RedisRevocationStore, redis_server: RedisServer
) -> None:
    """Clients may disconnect while the store reads, so it copies the credentials at the start."""
    live = {number: credential(f"token-{number}", f"user_{number}") for number in range(300)}
    redis_server.client.set("blacklist:token:token-0", "1", ex=60)
    redis_server.client.set("blacklist:token:token-299", "1", ex=60)

    def iterated() -> Iterator[Credential]:
        yield from live.values()

    missed: list[Revocation] = []
    async for portion in store.missed(iterated):
        live.clear()
        missed += portion

    assert ["token-0", "token-299"] == [
        token for token in ("token-0", "token-299") if Revocation.of_token(token) in missed
    ]
