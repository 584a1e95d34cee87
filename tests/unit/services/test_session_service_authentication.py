from dataclasses import replace

import pytest

from app.adapters.memory.manual_clock import ManualClock
from app.domain.errors import AuthenticationCode, AuthenticationError
from tests.unit.services.session_setting import (
    ADDRESS,
    ATTEMPTS,
    FAILURES,
    POLICY,
    TOKEN,
    Setting,
    UnavailableBlacklist,
    ready,
)


async def test_authenticate_gives_the_principal_when_token_is_good(setting: Setting) -> None:
    """The verifier's word counts."""
    principal = await setting.sessions.authenticate(TOKEN, ADDRESS)

    assert setting.verifier.alice == principal


async def test_authenticate_refuses_unverified_when_token_is_revoked(setting: Setting) -> None:
    """Revocation is asked before verification."""
    await setting.blacklist.blacklist_token(TOKEN, 60)

    code = await setting.refusal_of(TOKEN)

    assert AuthenticationCode.REVOKED == code
    assert 0 == setting.verifier.asked


async def test_authenticate_leaves_it_to_the_verifier_when_token_is_not_even_text(
    setting: Setting,
) -> None:
    """A lone surrogate has no UTF-8; looking it up among the revoked ones must not fail."""
    code = await setting.refusal_of("\ud800")

    assert setting.verifier.refusal is code


async def test_authenticate_refuses_when_revocation_cannot_be_known(clock: ManualClock) -> None:
    """It fails closed, with a code that says that it may be tried again."""
    setting = await ready(clock, store=UnavailableBlacklist(clock))

    assert AuthenticationCode.REVOCATION_UNAVAILABLE == await setting.refusal_of(TOKEN)


async def test_authenticate_admits_when_policy_prefers_it_to_knowing(clock: ManualClock) -> None:
    """REVOCATION_UNAVAILABLE=admit is the operator's decision."""
    policy = replace(POLICY, admit_when_revocation_unavailable=True)
    setting = await ready(clock, policy, UnavailableBlacklist(clock))

    principal = await setting.sessions.authenticate(TOKEN, ADDRESS)

    assert setting.verifier.alice == principal


async def test_authenticate_refuses_unverified_when_address_tries_too_often(
    setting: Setting,
) -> None:
    """Good attempts count as well, and no cryptography is done for those beyond the limit."""
    for _ in range(ATTEMPTS):
        await setting.sessions.authenticate(TOKEN, ADDRESS)

    code = await setting.refusal_of(TOKEN)

    assert AuthenticationCode.TOO_MANY_ATTEMPTS == code
    assert ATTEMPTS == setting.verifier.asked


async def test_authenticate_refuses_unverified_when_address_failed_too_often(
    setting: Setting,
) -> None:
    """Guessing gets fewer tries than connecting."""
    for _ in range(FAILURES):
        await setting.refusal_of("forged")

    code = await setting.refusal_of(TOKEN)

    assert AuthenticationCode.TOO_MANY_ATTEMPTS == code
    assert FAILURES == setting.verifier.asked


async def test_authenticate_refuses_when_the_guard_refused_too_often(setting: Setting) -> None:
    """A missing token never reaches `authenticate`, and counts all the same."""
    for _ in range(FAILURES):
        with pytest.raises(AuthenticationError, match="required"):
            await setting.sessions.refuse(AuthenticationCode.TOKEN_MISSING, ADDRESS)

    assert AuthenticationCode.TOO_MANY_ATTEMPTS == await setting.refusal_of(TOKEN)


async def test_authenticate_admits_when_another_address_failed(setting: Setting) -> None:
    """One attacker does not lock out the rest."""
    for _ in range(FAILURES):
        await setting.refusal_of("forged")

    principal = await setting.sessions.authenticate(TOKEN, "192.0.2.8")

    assert setting.verifier.alice == principal


async def test_authenticate_counts_no_failure_when_keys_are_unavailable(setting: Setting) -> None:
    """An outage of ours must not lock the clients out after it."""
    setting.verifier.refusal = AuthenticationCode.KEYS_UNAVAILABLE
    for _ in range(FAILURES + 1):
        await setting.refusal_of("of an unknown key")

    principal = await setting.sessions.authenticate(TOKEN, ADDRESS)

    assert setting.verifier.alice == principal
