from collections.abc import Callable, Sequence

import pytest

from app.domain.credential import Credential, Revocation
from app.domain.ids import UserId
from app.ports import RevocationStore
from tests.contract.credentials import ALICES_TOKEN as TOKEN
from tests.contract.credentials import ISSUED_AT, credential

ALICE = UserId("user_alice")
REVOCATIONS = [
    Revocation.of_token(TOKEN),
    Revocation.of_session("sess_alice"),
    Revocation.of_user(ALICE, ISSUED_AT),
]
BY_KIND = pytest.mark.parametrize(
    "revocation", REVOCATIONS, ids=[revocation.kind.value for revocation in REVOCATIONS]
)


async def all_missed(store: RevocationStore, live: Sequence[Credential]) -> list[Revocation]:
    """Return the revocations in all batches that `missed` yields."""
    return [each async for portion in store.missed(lambda: live) for each in portion]


@BY_KIND
async def test_contains_holds_when_the_credential_was_revoked(
    revocation_store: RevocationStore, revocation: Revocation
) -> None:
    """A revocation of a token, session or user covers no other credential."""
    await revocation_store.add(revocation, ttl_seconds=60)

    assert await revocation_store.contains(credential())
    assert not await revocation_store.contains(
        credential("token-of-bob", "user_bob", "sess_bob", ISSUED_AT)
    )


@pytest.mark.parametrize("session_id", [None, "sess_alice"])
async def test_contains_does_not_hold_when_nothing_was_revoked(
    revocation_store: RevocationStore, session_id: str | None
) -> None:
    assert not await revocation_store.contains(credential(session_id=session_id))


async def test_contains_does_not_hold_when_the_users_token_was_issued_later(
    revocation_store: RevocationStore,
) -> None:
    """A user can sign in again after being revoked."""
    await revocation_store.add(Revocation.of_user(ALICE, ISSUED_AT), ttl_seconds=60)

    assert not await revocation_store.contains(credential(issued_at=ISSUED_AT + 1))


async def test_contains_finds_ids_when_they_are_strange(revocation_store: RevocationStore) -> None:
    """An id may contain the separator of keys, or the wildcard of a pattern."""
    strange = credential("t:", "user:\u00fc%", "sess *?[", ISSUED_AT)

    await revocation_store.add(
        Revocation.of_user(UserId("user:\u00fc%"), ISSUED_AT), ttl_seconds=60
    )

    assert await revocation_store.contains(strange)


@BY_KIND
async def test_a_revocation_is_contained_only_until_its_time_is_over(
    revocation_store: RevocationStore, revocation: Revocation, let_pass: Callable[[float], None]
) -> None:
    await revocation_store.add(revocation, ttl_seconds=60)

    let_pass(55)
    until_the_end = await revocation_store.contains(credential())
    let_pass(10)
    afterwards = await revocation_store.contains(credential())

    assert (True, False) == (until_the_end, afterwards)


@BY_KIND
async def test_a_revocation_is_extended_when_it_is_added_again(
    revocation_store: RevocationStore, revocation: Revocation, let_pass: Callable[[float], None]
) -> None:
    """The longest time applies, in whichever order the revocations are added."""
    await revocation_store.add(revocation, ttl_seconds=10)
    await revocation_store.add(revocation, ttl_seconds=60)
    await revocation_store.add(revocation, ttl_seconds=5)

    let_pass(55)

    assert await revocation_store.contains(credential())


@pytest.mark.parametrize("moments", [(0, 10), (10, 0)], ids=["later last", "later first"])
async def test_a_users_revocation_reaches_to_the_later_moment_when_there_were_two(
    revocation_store: RevocationStore, moments: tuple[int, int]
) -> None:
    """Tokens issued until the later moment are revoked, whichever moment was added first."""
    for moment in moments:
        revocation = Revocation.of_user(ALICE, ISSUED_AT + moment)
        await revocation_store.add(revocation, ttl_seconds=60)

    assert await revocation_store.contains(credential(issued_at=ISSUED_AT + 10))
    assert not await revocation_store.contains(credential(issued_at=ISSUED_AT + 11))


async def test_a_users_revocation_ignores_an_earlier_one_when_that_has_ended(
    revocation_store: RevocationStore, let_pass: Callable[[float], None]
) -> None:
    await revocation_store.add(Revocation.of_user(ALICE, ISSUED_AT + 100), ttl_seconds=1)
    let_pass(2)

    await revocation_store.add(Revocation.of_user(ALICE, ISSUED_AT), ttl_seconds=60)

    assert not await revocation_store.contains(credential(issued_at=ISSUED_AT + 1))


@pytest.mark.parametrize("token", [TOKEN, "no token at all \udcff", ""])
async def test_contains_token_holds_when_the_token_was_revoked(
    revocation_store: RevocationStore, token: str
) -> None:
    """Any text can be looked up as a token."""
    before = await revocation_store.contains_token(token)

    await revocation_store.add(Revocation.of_token(token), ttl_seconds=60)

    assert (False, True) == (before, await revocation_store.contains_token(token))
    assert not await revocation_store.contains_token("another")


async def test_contains_token_does_not_hold_when_only_the_user_was_revoked(
    revocation_store: RevocationStore,
) -> None:
    await revocation_store.add(Revocation.of_user(ALICE, ISSUED_AT), ttl_seconds=60)

    assert not await revocation_store.contains_token(TOKEN)


@BY_KIND
async def test_missed_gives_a_revocation_when_it_covers_a_live_credential(
    revocation_store: RevocationStore, revocation: Revocation
) -> None:
    """The revocation does not contain the token itself, and covers no other credential."""
    live = [credential(), credential("token-of-bob", "user_bob", None)]
    await all_missed(revocation_store, live)

    await revocation_store.add(revocation, ttl_seconds=60)

    missed = await all_missed(revocation_store, live)
    assert revocation in missed
    assert {None} == {each.token for each in missed}
    assert [] == [each for each in missed if each.covers(live[1])]


async def test_missed_gives_all_when_there_are_many_live_credentials(
    revocation_store: RevocationStore,
) -> None:
    """There are more credentials than a batch may contain."""
    live = [credential(f"token-{n}", f"user_{n}", f"sess_{n}") for n in range(1_500)]
    await all_missed(revocation_store, live)
    revoked = [Revocation.of_token(f"token-{number}") for number in range(0, 1_500, 100)]
    for revocation in revoked:
        await revocation_store.add(revocation, ttl_seconds=60)

    missed = await all_missed(revocation_store, live)

    assert {each.subject for each in revoked} == {each.subject for each in missed}


async def test_missed_gives_nothing_when_nothing_was_revoked(
    revocation_store: RevocationStore,
) -> None:
    assert [] == await all_missed(revocation_store, [])
    assert [] == await all_missed(revocation_store, [credential()])
