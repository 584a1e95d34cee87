import pytest

from app.domain.credential import Credential
from app.domain.errors import AuthenticationCode, AuthenticationError
from tests.doubles.manual_clock import ManualClock
from tests.unit.services.session_setting import (
    ADDRESS,
    ATTEMPTS,
    FAILURES,
    TOKEN,
    Setting,
    UnavailableStore,
    ready,
)


async def test_authenticate_gives_the_credential_when_token_is_good(setting: Setting) -> None:
    credential = await setting.authentication.authenticate(TOKEN, ADDRESS)

    assert Credential.of(TOKEN, setting.verifier.principals[TOKEN]) == credential


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (None, AuthenticationCode.TOKEN_MISSING),
        ("", AuthenticationCode.TOKEN_MISSING),
        (5, AuthenticationCode.TOKEN_MALFORMED),
        ([TOKEN], AuthenticationCode.TOKEN_MALFORMED),
        (f"Bearer {TOKEN}", AuthenticationCode.BEARER_PREFIX),
        (f"bearer {TOKEN}", AuthenticationCode.BEARER_PREFIX),
        ("\ud800", AuthenticationCode.TOKEN_SIGNATURE),
    ],
)
async def test_authenticate_names_the_rule_when_it_is_no_token(
    setting: Setting, sent: object, code: AuthenticationCode
) -> None:
    """Each kind of invalid value has its own error code."""
    assert code == await setting.refusal_of(sent)


async def test_authenticate_refuses_when_revocation_cannot_be_known(clock: ManualClock) -> None:
    """By default the service rejects the token, with a temporary error."""
    setting = await ready(clock, store=UnavailableStore(clock))

    assert AuthenticationCode.REVOCATION_UNAVAILABLE == await setting.refusal_of(TOKEN)


async def test_authenticate_admits_when_policy_prefers_it_to_knowing(clock: ManualClock) -> None:
    """With REVOCATION_UNAVAILABLE=admit, the token is accepted without a revocation check."""
    setting = await ready(clock, store=UnavailableStore(clock), admit_unchecked=True)

    credential = await setting.authentication.authenticate(TOKEN, ADDRESS)

    assert TOKEN == credential.token


async def test_authenticate_refuses_unverified_when_address_tries_too_often(
    setting: Setting,
) -> None:
    """Tokens beyond the limit are not verified. The error has the time after which to retry."""
    setting.verifier.refusal = AuthenticationCode.KEYS_UNAVAILABLE
    for _ in range(ATTEMPTS):
        await setting.refusal_of("of an unknown key")

    with pytest.raises(AuthenticationError) as caught:
        await setting.authentication.authenticate(TOKEN, ADDRESS)

    assert AuthenticationCode.TOO_MANY_ATTEMPTS == caught.value.code
    assert {"detail": caught.value.detail, "retryAfterMs": 60_000 / ATTEMPTS} == (
        caught.value.details
    )
    assert ATTEMPTS == setting.verifier.asked


async def test_authenticate_admits_all_users_of_an_address_when_their_tokens_are_good(
    setting: Setting,
) -> None:
    """All users of an office may reconnect at once: attempts with valid tokens do not count."""
    for _ in range(5 * ATTEMPTS):
        await setting.authentication.authenticate(TOKEN, ADDRESS)

    assert 5 * ATTEMPTS == setting.verifier.asked


@pytest.mark.parametrize("sent", ["forged", None, f"Bearer {TOKEN}"])
async def test_authenticate_refuses_unverified_when_address_failed_too_often(
    setting: Setting, sent: str | None
) -> None:
    """The limit for failures is lower than that for attempts; invalid values count as failures."""
    for _ in range(FAILURES):
        await setting.refusal_of(sent)
    asked = setting.verifier.asked

    code = await setting.refusal_of(TOKEN)

    assert AuthenticationCode.TOO_MANY_ATTEMPTS == code
    assert asked == setting.verifier.asked


async def test_authenticate_refuses_when_another_address_of_the_network_failed(
    setting: Setting,
) -> None:
    """The owner of an IPv6 network can use all of the network's addresses."""
    for host in range(FAILURES):
        with pytest.raises(AuthenticationError):
            await setting.authentication.authenticate("forged", f"2001:db8::{host}")

    with pytest.raises(AuthenticationError, match="Too many attempts"):
        await setting.authentication.authenticate(TOKEN, "2001:db8::ffff")


async def test_authenticate_admits_when_another_address_failed(setting: Setting) -> None:
    for _ in range(FAILURES):
        await setting.refusal_of("forged")

    credential = await setting.authentication.authenticate(TOKEN, "192.0.2.8")

    assert TOKEN == credential.token


async def test_authenticate_counts_no_failure_when_keys_are_unavailable(setting: Setting) -> None:
    """While keys cannot be fetched, rejected tokens do not count as failures of their address."""
    setting.verifier.refusal = AuthenticationCode.KEYS_UNAVAILABLE
    for _ in range(FAILURES + 1):
        await setting.refusal_of("of an unknown key")

    credential = await setting.authentication.authenticate(TOKEN, ADDRESS)

    assert TOKEN == credential.token


async def test_refusal_tells_how_often_the_address_failed_so_when_it_is_counted(
    setting: Setting,
) -> None:
    """``failures`` counts an address's recent failures with the same code, for the log."""
    counted = []
    for sent in ("forged", None):
        with pytest.raises(AuthenticationError) as caught:
            await setting.authentication.authenticate(sent, ADDRESS)
        counted.append((caught.value.code, caught.value.failures))

    expected = [(AuthenticationCode.TOKEN_SIGNATURE, 1), (AuthenticationCode.TOKEN_MISSING, 1)]
    assert expected == counted
