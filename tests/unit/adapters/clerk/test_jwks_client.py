import asyncio

import pytest

from app.adapters.clerk.jwks_client import MAX_BODY_BYTES, JwksClient
from app.domain.errors import AuthenticationError
from tests.doubles.manual_clock import ManualClock
from tests.unit.adapters.clerk.fetching import SECOND_KEY_ID, fetches, not_found, renewal
from tests.unit.adapters.clerk.key_server import KeyServer, key_set
from tests.unit.adapters.clerk.signed_tokens import KEY_ID, base64url, jwk, private_key, sign, token
from tests.unit.adapters.clerk.verifiers import make_verifier


async def test_find_gives_the_key_when_it_is_published(keys: JwksClient) -> None:
    key = await keys.find(KEY_ID)

    assert private_key().public_key().public_numbers() == key.public_numbers()


async def test_find_fetches_once_when_many_ask_at_the_same_time(
    keys: JwksClient, server: KeyServer
) -> None:
    server.may_answer.clear()
    finds = [asyncio.create_task(keys.find(KEY_ID)) for _ in range(50)]
    await server.asked.wait()
    server.may_answer.set()

    found = await asyncio.gather(*finds)

    assert 1 == len(set(map(id, found)))
    assert 1 == server.requests


async def test_find_fetches_at_most_twice_a_minute_when_key_ids_are_made_up(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    """Unknown key ids cause at most one fetch in 30 s, and are not stored."""
    await keys.find(KEY_ID)
    clock.advance(1)

    codes = set()
    for _ in range(4):
        codes |= {await not_found(keys, f"made up {number}") for number in range(100)}
        clock.advance(15)

    assert {"token_key_unknown"} == codes
    assert 1 + 2 == server.requests


async def test_find_picks_up_a_rotation_at_once_when_its_first_token_comes(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    """A scheduled refresh does not count towards the limit of fetches for unknown key ids."""
    await keys.find(KEY_ID)
    clock.advance(240)
    await renewal()
    server.body = key_set(jwk(KEY_ID), jwk(SECOND_KEY_ID))

    key = await keys.find(SECOND_KEY_ID)

    assert private_key(SECOND_KEY_ID).public_key().public_numbers() == key.public_numbers()
    assert 3 == server.requests


async def test_find_leaves_a_failing_endpoint_in_peace_when_many_ask_for_a_new_key(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    """All callers share one failed fetch, and get a temporary error."""
    known = await keys.find(KEY_ID)
    clock.advance(1)
    server.status = 503

    codes = {await not_found(keys, SECOND_KEY_ID) for _ in range(10)}

    assert {"keys_unavailable"} == codes
    assert known is await keys.find(KEY_ID)
    assert 1 + 1 == server.requests


async def test_find_recovers_when_the_endpoint_comes_back(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    """A client without any key may fetch again after one second instead of thirty."""
    server.status = 503
    codes = [await not_found(keys, KEY_ID), await not_found(keys, KEY_ID)]
    server.status = 200
    clock.advance(1)

    await keys.find(KEY_ID)

    assert ["keys_unavailable"] * 2 == codes
    assert 2 == server.requests


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [null, 1, "x", []]}',
        b"[" * 60_000,
        b" " * MAX_BODY_BYTES + key_set(jwk()),
        key_set(jwk(use="enc")),
        key_set(jwk(alg="RS512")),
        key_set(jwk(kty="EC")),
        key_set(jwk(kid=None)),
        key_set(jwk(n=7)),
        key_set(jwk(n="")),
        key_set(jwk(n="AQAB")),
        key_set(jwk(n=base64url(b"\xff" * 128))),
        key_set(jwk(n="\u00e9")),
        key_set(jwk(e=None)),
        key_set(jwk(e="Ag")),
        key_set(jwk(e=base64url(b"\xff" * 300))),
    ],
)
async def test_find_refuses_for_now_when_the_answer_is_no_usable_key_set(
    keys: JwksClient, server: KeyServer, body: bytes
) -> None:
    """A response without a usable key leads to the same temporary error as an outage."""
    server.body = body

    code = await not_found(keys, KEY_ID)

    assert "keys_unavailable" == code


async def test_find_passes_over_a_key_when_it_is_unusable(
    keys: JwksClient, server: KeyServer
) -> None:
    """The client ignores unusable keys, and uses only the public part of a private key."""
    server.body = key_set({"kty": "OKP", "kid": "other"}, jwk(d="AQAB"))

    key = await keys.find(KEY_ID)

    assert private_key().public_key().public_numbers() == key.public_numbers()


async def test_find_refuses_for_now_when_the_endpoint_redirects(
    server: KeyServer, clock: ManualClock
) -> None:
    """The client does not follow a redirect, even to a valid key set."""
    keys = JwksClient(server.url("/moved"), clock)

    code = await not_found(keys, KEY_ID)

    assert "keys_unavailable" == code
    assert 1 == server.requests


async def test_find_refuses_for_now_when_nobody_listens(
    keys: JwksClient, server: KeyServer
) -> None:
    await server.stop()

    code = await not_found(keys, KEY_ID)

    assert "keys_unavailable" == code


async def test_find_refuses_for_now_when_the_endpoint_hangs(
    server: KeyServer, clock: ManualClock
) -> None:
    server.may_answer.clear()
    keys = JwksClient(server.url(), clock, timeout_seconds=0.05)

    code = await not_found(keys, KEY_ID)

    assert "keys_unavailable" == code


async def test_find_goes_on_when_the_first_to_ask_gives_up(
    keys: JwksClient, server: KeyServer
) -> None:
    """Cancelling one caller does not cancel the fetch for the others."""
    server.may_answer.clear()
    first, second = (asyncio.create_task(keys.find(KEY_ID)) for _ in range(2))
    await server.asked.wait()

    first.cancel()
    server.may_answer.set()
    key = await second

    assert first.cancelled()
    assert 2048 == key.key_size
    assert 1 == server.requests


async def test_shutdown_ends_a_fetch_when_one_is_under_way(
    keys: JwksClient, server: KeyServer
) -> None:
    """The shutdown cancels the running fetch, and its callers get a temporary error."""
    server.may_answer.clear()
    waiting = asyncio.create_task(not_found(keys, KEY_ID))
    await server.asked.wait()

    await keys.on_application_shutdown(None)
    code = await waiting

    assert "keys_unavailable" == code
    assert not fetches()


async def test_shutdown_does_nothing_when_nothing_was_fetched(
    keys: JwksClient, server: KeyServer
) -> None:
    await keys.on_application_shutdown(None)

    assert 0 == server.requests


async def test_find_refuses_at_once_when_the_token_names_no_key(
    keys: JwksClient, server: KeyServer
) -> None:
    code = await not_found(keys, None)

    assert "token_key_unknown" == code
    assert 0 == server.requests


async def test_verify_fetches_nothing_when_signatures_are_bad(
    keys: JwksClient, server: KeyServer, clock: ManualClock
) -> None:
    verifier = make_verifier(clock, keys)
    await verifier.verify(token())
    forged = sign(b'{"alg":"RS256","kid":"ins_first"}', b"{}", private_key("forger"))

    for _ in range(5):
        clock.advance(45)
        with pytest.raises(AuthenticationError, match="signature"):
            await verifier.verify(forged)

    assert 1 == server.requests
