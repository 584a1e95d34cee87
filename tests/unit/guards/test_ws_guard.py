"""Tests app/guards/ws_guard.py with a testing module and no server."""

from collections.abc import Callable
from typing import Any

import pytest

from app.adapters.memory.revocation_store import MemoryRevocationStore
from app.config.settings import Settings
from app.domain.credential import Credential
from app.domain.errors import AuthenticationCode, AuthenticationError
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.framework.testing import (
    RecordingLink,
    Test,
    TestingModule,
    TestingModuleBuilder,
    activate,
    fake_connection,
    fake_context,
    fake_socket,
)
from app.guards.ws_guard import WsGuard, allow_expired_session
from app.modules import AuthModule
from app.ports import Clock, RevocationStore, TokenVerifier
from app.services.session_service import SessionService
from app.services.token_blacklist_service import TokenBlacklistService
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.doubles.manual_clock import ManualClock

ALICE = UserId("user_alice")
TOKEN_LIFE_SECONDS = 60
SKEW_SECONDS = 5


class _KnowsAlice(TokenVerifier):
    """A verifier that accepts one token and counts its calls."""

    def __init__(self, clock: Clock) -> None:
        self._expires_at = clock.now().timestamp() + TOKEN_LIFE_SECONDS
        self.asked = 0

    async def verify(self, token: str) -> Principal:
        self.asked += 1
        if token != "good":
            raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE)
        return Principal(ALICE, session_id=None, token_id=None, expires_at=self._expires_at)

    def claimed_expiry(self, token: str) -> float:
        del token
        return self._expires_at


class _RevokesAll(TokenBlacklistService):
    """A blacklist that contains every token."""

    def __init__(self) -> None:
        """Create the service without a store."""

    async def is_revoked(self, credential: Credential) -> bool:
        return bool(credential.token)


def auth_module(**imports: object) -> TestingModuleBuilder:
    """Build `AuthModule` with the test's store, verifier and clock."""
    return (
        Test.create_testing_module(AuthModule, **imports)
        .override_provider(Clock)
        .use_value(ManualClock())
        .override_provider(RevocationStore)
        .use_class(MemoryRevocationStore)
        .override_provider(TokenVerifier)
        .use_class(_KnowsAlice)
    )


async def refusal_of(module: TestingModule, auth: dict[str, Any]) -> AuthenticationCode:
    """Return the code of the error that rejects a socket with this handshake."""
    client = fake_socket(AuthenticatedSocket, auth=auth)
    with pytest.raises(AuthenticationError) as caught:
        await activate(module.get(WsGuard), fake_connection(client))
    assert client.session is None
    return caught.value.code


async def test_ws_guard_gives_the_socket_its_user_when_the_token_is_good() -> None:
    """The guard verifies the token and sets the documented ``user`` of the socket."""
    guard = auth_module().compile().get(WsGuard)
    client = fake_socket(AuthenticatedSocket, auth={"token": "good"})

    assert await activate(guard, fake_context(client))
    assert {"id": ALICE} == client.user


async def test_ws_guard_refuses_when_the_blacklist_service_says_so() -> None:
    """The module needs no replacement except for the blacklist service."""
    module = auth_module().override_provider(TokenBlacklistService).use_class(_RevokesAll).compile()

    assert AuthenticationCode.REVOKED == await refusal_of(module, {"token": "good"})


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        ({}, AuthenticationCode.TOKEN_MISSING),
        ({"token": ""}, AuthenticationCode.TOKEN_MISSING),
        ({"token": None}, AuthenticationCode.TOKEN_MISSING),
        ({"Token": "good"}, AuthenticationCode.TOKEN_MISSING),
        ({"token": 5}, AuthenticationCode.TOKEN_MALFORMED),
        ({"token": ["good"]}, AuthenticationCode.TOKEN_MALFORMED),
        ({"token": {"token": "good"}}, AuthenticationCode.TOKEN_MALFORMED),
        ({"token": "Bearer good"}, AuthenticationCode.BEARER_PREFIX),
        ({"token": "bearer good"}, AuthenticationCode.BEARER_PREFIX),
        ({"token": "forged"}, AuthenticationCode.TOKEN_SIGNATURE),
        ({"token": " good"}, AuthenticationCode.TOKEN_SIGNATURE),
    ],
)
async def test_ws_guard_names_the_rule_when_a_token_is_refused(
    auth: dict[str, Any], code: AuthenticationCode
) -> None:
    """A rejected socket has no user."""
    assert code == await refusal_of(auth_module().compile(), auth)


async def test_ws_guard_takes_a_bearer_prefix_when_it_is_told_to_tolerate_one() -> None:
    """``AUTH_ACCEPT_BEARER`` is meant for frontends that already send the prefix."""
    settings = Settings.model_construct(auth_accept_bearer=True)
    guard = auth_module(settings=settings).compile().get(WsGuard)
    client = fake_socket(AuthenticatedSocket, auth={"token": "Bearer good"})

    assert await activate(guard, fake_context(client))
    assert client.user_id == ALICE


async def test_ws_guard_verifies_once_when_events_follow() -> None:
    """For later events, the guard only checks the session in memory, and awaits nothing."""
    module = auth_module().compile()
    client = fake_socket(AuthenticatedSocket, auth={"token": "good"})
    await activate(module.get(WsGuard), fake_connection(client))

    verdicts = [module.get(WsGuard).can_activate(fake_context(client)) for _ in range(3)]

    assert [True] * 3 == verdicts
    assert module.get(_KnowsAlice).asked == 1


async def expire(module: TestingModule, clock: ManualClock) -> None:
    """Advance the clock until the token has expired, including the clock skew."""
    del module
    clock.advance(TOKEN_LIFE_SECONDS + SKEW_SECONDS)


async def revoke(module: TestingModule, clock: ManualClock) -> None:
    del clock
    await module.get(TokenBlacklistService).blacklist_token("good", 60)


@pytest.mark.parametrize(
    ("end", "code"),
    [(expire, AuthenticationCode.TOKEN_EXPIRED), (revoke, AuthenticationCode.REVOKED)],
)
async def test_ws_guard_refuses_events_when_the_session_is_over(
    end: Callable[[TestingModule, ManualClock], Any], code: AuthenticationCode
) -> None:
    """The session was revoked, or has expired, since the socket connected."""
    clock = ManualClock()
    module = auth_module().override_provider(Clock).use_value(clock).compile()
    await module.get(SessionService).on_module_init()
    client = fake_socket(AuthenticatedSocket, auth={"token": "good"})
    await activate(module.get(WsGuard), fake_connection(client))

    await end(module, clock)

    with pytest.raises(AuthenticationError) as caught:
        await activate(module.get(WsGuard), fake_context(client))
    assert code == caught.value.code


class _Gateway:
    @allow_expired_session()
    def refresh(self) -> None:
        """Handle an event that sockets with an expired session may send."""

    def speak(self) -> None:
        """Handle an event that sockets with an expired session may not send."""


async def test_ws_guard_lets_an_expired_session_refresh_when_the_handler_is_marked() -> None:
    """After the session has expired, the guard accepts only events of the marked handler.

    After a revocation, the guard rejects these events too.
    """
    clock = ManualClock()
    module = auth_module().override_provider(Clock).use_value(clock).compile()
    await module.get(SessionService).on_module_init()
    guard, client = module.get(WsGuard), fake_socket(AuthenticatedSocket, auth={"token": "good"})
    await activate(guard, fake_connection(client))
    refresh = fake_context(client, handler=_Gateway().refresh)

    await expire(module, clock)

    assert await activate(guard, refresh)
    with pytest.raises(AuthenticationError, match="expired"):
        await activate(guard, fake_context(client, handler=_Gateway().speak))
    await revoke(module, clock)
    with pytest.raises(AuthenticationError, match="revoked"):
        await activate(guard, refresh)


async def test_ws_guard_tells_and_ends_the_socket_when_its_token_is_revoked() -> None:
    """The socket is disconnected immediately, without waiting for its next event."""
    module = auth_module().compile()
    await module.get(SessionService).on_module_init()
    link = RecordingLink()
    client = fake_socket(AuthenticatedSocket, auth={"token": "good"}, link=link)
    await activate(module.get(WsGuard), fake_connection(client))

    await revoke(module, ManualClock())

    assert [("error", "authentication revoked", "revoked")] == [
        (event, args[0]["message"], args[0]["code"]) for event, args in link.emitted
    ]
    assert not client.connected


async def test_ws_guard_reads_no_address_twice_when_it_refuses_too_often() -> None:
    """Attempts without a token count as failures of the address."""
    settings = Settings.model_construct(rate_limit_failed_auth_per_minute=2)
    module = auth_module(settings=settings).compile()

    await refusal_of(module, {})
    await refusal_of(module, {"token": "Bearer good"})

    assert AuthenticationCode.TOO_MANY_ATTEMPTS == await refusal_of(module, {"token": "good"})


async def test_ws_guard_refuses_for_a_while_when_an_address_keeps_coming_without_a_token() -> None:
    """Attempts without a token count towards the limit, although nothing is verified."""
    module = auth_module().compile()

    codes = [await refusal_of(module, {}) for _ in range(61)]

    assert [AuthenticationCode.TOKEN_MISSING] * 60 == codes[:60]
    assert AuthenticationCode.TOO_MANY_ATTEMPTS == codes[60]
