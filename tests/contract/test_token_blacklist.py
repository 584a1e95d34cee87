from app.adapters.memory.manual_clock import ManualClock
from app.ports import RevocationLog, TokenBlacklist
from app.ports.token_blacklist import MAX_REVOCATIONS, token_digest

TOKEN = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"
OTHER = "eyJhbGciOi.eyJzdWIi.b3RoZXI"


async def test_a_token_is_contained_when_it_was_added(blacklist: TokenBlacklist) -> None:
    """Only what was added is revoked."""
    await blacklist.add(TOKEN, ttl_seconds=60)

    assert await blacklist.contains(TOKEN)
    assert not await blacklist.contains(OTHER)


async def test_a_token_is_contained_only_until_its_time_is_over(
    blacklist: TokenBlacklist, clock: ManualClock
) -> None:
    """It is remembered for at least its time, and not for ever."""
    await blacklist.add(TOKEN, ttl_seconds=60)

    clock.advance(59.999)
    until_the_end = await blacklist.contains(TOKEN)
    clock.advance(1)
    afterwards = await blacklist.contains(TOKEN)

    assert (True, False) == (until_the_end, afterwards)


async def test_a_token_is_extended_when_it_is_added_again(
    blacklist: TokenBlacklist, clock: ManualClock
) -> None:
    """The later end counts, whichever was added last."""
    await blacklist.add(TOKEN, ttl_seconds=10)
    await blacklist.add(TOKEN, ttl_seconds=60)
    await blacklist.add(TOKEN, ttl_seconds=5)

    clock.advance(59)

    assert await blacklist.contains(TOKEN)


async def test_the_log_is_empty_when_nothing_was_added(blacklist: TokenBlacklist) -> None:
    """Position 0 is before everything, and stays the answer while there is nothing."""
    log = await blacklist.revoked_after(0)

    assert RevocationLog(digests=(), position=0) == log


async def test_the_log_goes_on_when_asked_from_its_position(blacklist: TokenBlacklist) -> None:
    """Each addition is heard of once, in order, and as a digest."""
    await blacklist.add(TOKEN, ttl_seconds=60)
    first = await blacklist.revoked_after(0)
    await blacklist.add(OTHER, ttl_seconds=60)

    second = await blacklist.revoked_after(first.position)
    third = await blacklist.revoked_after(second.position)

    assert (token_digest(TOKEN),) == first.digests
    assert (token_digest(OTHER),) == second.digests
    assert RevocationLog(digests=(), position=second.position) == third


async def test_the_log_has_a_token_again_when_it_is_revoked_after_its_end(
    blacklist: TokenBlacklist, clock: ManualClock
) -> None:
    """A second revocation is news, even of a token that was revoked before."""
    await blacklist.add(TOKEN, ttl_seconds=60)
    position = (await blacklist.revoked_after(0)).position
    clock.advance(61)

    await blacklist.add(TOKEN, ttl_seconds=60)

    log = await blacklist.revoked_after(position)
    assert (token_digest(TOKEN),) == log.digests
    assert log.position > position


async def test_the_log_keeps_its_positions_when_everything_has_ended(
    blacklist: TokenBlacklist, clock: ManualClock
) -> None:
    """A position never means an earlier entry, though ended ones are dropped."""
    await blacklist.add(TOKEN, ttl_seconds=1)
    position = (await blacklist.revoked_after(0)).position
    clock.advance(2)
    await blacklist.add(OTHER, ttl_seconds=1)
    clock.advance(2)
    await blacklist.add(TOKEN, ttl_seconds=1)

    log = await blacklist.revoked_after(position)

    assert token_digest(TOKEN) == log.digests[-1]
    assert log.position > position + 1


async def test_the_log_comes_in_pages_when_it_is_long(blacklist: TokenBlacklist) -> None:
    """A page is bounded, and the next one goes on behind it."""
    tokens = [f"token-{number}" for number in range(MAX_REVOCATIONS + 2)]
    for token in tokens:
        await blacklist.add(token, ttl_seconds=60)

    first = await blacklist.revoked_after(0)
    second = await blacklist.revoked_after(first.position)

    assert [token_digest(token) for token in tokens] == [*first.digests, *second.digests]
    assert MAX_REVOCATIONS == len(first.digests)
