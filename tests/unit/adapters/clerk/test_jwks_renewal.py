"""Tests how keys are refreshed, and kept during an outage (app/adapters/clerk/jwks_client.py)."""

import asyncio

import pytest

from app.adapters.clerk.jwks_client import JwksClient
from tests.doubles.manual_clock import ManualClock
from tests.unit.adapters.clerk.fetching import SECOND_KEY_ID, fetches, not_found, renewal
from tests.unit.adapters.clerk.key_server import KeyServer, key_set
from tests.unit.adapters.clerk.signed_tokens import KEY_ID, jwk


async def test_known_key_is_forgotten_when_it_is_withdrawn(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    """The scheduled refresh removes a withdrawn key, even if no token uses the key."""
    await keys.find(KEY_ID)
    server.body = key_set(jwk(SECOND_KEY_ID))

    clock.advance(239.9)
    assert not fetches()
    await keys.find(KEY_ID)
    clock.advance(0.1)
    await renewal()

    assert 2 == server.requests
    assert 2048 == (await keys.find(SECOND_KEY_ID)).key_size
    assert "token_key_unknown" == await not_found(keys, KEY_ID)


async def test_keys_are_renewed_for_ever_when_nobody_connects(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    await keys.find(KEY_ID)

    for _ in range(15):
        clock.advance(240)
        await renewal()

    assert 1 + 15 == server.requests


async def test_known_key_is_at_hand_when_the_renewal_hangs(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    """A cached key is returned without suspending the caller."""
    known = await keys.find(KEY_ID)
    server.may_answer.clear()
    clock.advance(240)
    assert 1 == len(fetches())

    with pytest.raises(StopIteration) as found:
        keys.find(KEY_ID).send(None)

    assert known is found.value.value


async def test_known_key_is_at_hand_when_the_endpoint_is_down_for_an_hour(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    """The client retries every 30 s, and uses the new keys as soon as the endpoint answers."""
    known = await keys.find(KEY_ID)
    server.status = 503
    clock.advance(240)
    await renewal()

    for _ in range(2 * 60):
        clock.advance(30)
        await renewal()
    assert known is await keys.find(KEY_ID)
    assert "keys_unavailable" == await not_found(keys, SECOND_KEY_ID)
    server.status = 200
    server.body = key_set(jwk(SECOND_KEY_ID))
    clock.advance(30)
    await renewal()

    assert "token_key_unknown" == await not_found(keys, KEY_ID)


async def test_renewal_goes_on_when_a_fetch_breaks_unforeseen(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    await keys.find(KEY_ID)
    server.may_answer.clear()
    clock.advance(240)
    server.asked.clear()
    await server.asked.wait()
    (broken,) = fetches()
    broken.cancel()
    await asyncio.wait([broken])
    server.may_answer.set()

    clock.advance(30)
    await renewal()

    assert 3 == server.requests


async def test_shutdown_ends_the_renewing_when_keys_were_fetched(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    await keys.find(KEY_ID)

    await keys.on_application_shutdown(None)
    clock.advance(1_000)

    assert not fetches()
    assert 1 == server.requests
