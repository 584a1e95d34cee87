from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.adapters.memory.revocation_store import MemoryRevocationStore
from app.config.settings import Settings
from app.domain.errors import AuthenticationError
from app.framework.testing import Test, TestingModule, activate, fake_connection, fake_socket
from app.guards.ws_guard import WsGuard
from app.modules import AuthModule
from app.ports import Clock, RevocationStore
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.doubles.manual_clock import ManualClock
from tests.unit.adapters.clerk.signed_tokens import ISSUER, PARTY, private_key, token


def auth_module(**changes: Any) -> TestingModule:
    """Compile the module with a public key in its settings and with these changes."""
    pem = private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    settings = Settings.model_construct(
        **{
            "clerk_jwt_key": pem.decode(),
            "clerk_issuer": ISSUER,
            "clerk_authorized_parties": (PARTY,),
            **changes,
        }
    )
    return (
        Test.create_testing_module(AuthModule, settings=settings)
        .override_provider(Clock)
        .use_value(ManualClock())
        .override_provider(RevocationStore)
        .use_class(MemoryRevocationStore)
        .compile()
    )


async def test_guard_verifies_clerks_token_when_the_key_is_in_the_settings() -> None:
    """The module works if only its clock and its storage are replaced."""
    client = fake_socket(AuthenticatedSocket, auth={"token": token()})

    assert await activate(auth_module().get(WsGuard), fake_connection(client))
    assert client.user_id == "user_alice"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"clerk_issuer": "https://other.example"}, "token_issuer"),
        ({"clerk_authorized_parties": ("https://other.example",)}, "token_party"),
        ({"clerk_audience": ("https://other.example",)}, "token_party"),
    ],
)
async def test_guard_refuses_clerks_token_when_the_settings_want_another(
    changes: dict[str, Any], code: str
) -> None:
    """Each setting about tokens reaches the verifier."""
    client = fake_socket(AuthenticatedSocket, auth={"token": token()})

    with pytest.raises(AuthenticationError) as caught:
        await activate(auth_module(**changes).get(WsGuard), fake_connection(client))

    assert code == caught.value.code


async def test_guard_accepts_a_template_token_when_the_settings_do() -> None:
    """The setting for template tokens reaches the verifier."""
    made_by_template = token(header={"cat": "cl_B7d4PD222AAA"})
    client = fake_socket(AuthenticatedSocket, auth={"token": made_by_template})
    guard = auth_module(clerk_accept_template_tokens=True).get(WsGuard)

    assert await activate(guard, fake_connection(client))


async def test_session_ends_before_its_token_when_the_settings_say_so() -> None:
    """AUTH_MAX_TOKEN_SECONDS reaches the verifier."""
    client = fake_socket(AuthenticatedSocket, auth={"token": token()})

    await activate(auth_module(auth_max_token_seconds=10).get(WsGuard), fake_connection(client))

    principal = client.require_session().credential.principal
    assert 10 == principal.expires_at - principal.issued_at
