from app.framework.testing import RecordingLink, fake_socket
from app.gateways.ws_gateway import WsGateway
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.unit.gateways.chat import open_chat
from tests.unit.sessions import session_of


async def test_validate_client_refuses_when_no_guard_has_run() -> None:
    """A gateway without `WsGuard` rejects every client."""
    chat = await open_chat()
    gateway = chat.module.get(WsGateway)
    link = RecordingLink()
    client = fake_socket(AuthenticatedSocket, link=link)

    await gateway.handle_connection(client)

    assert (set(), ["error"]) == (link.joined, [event for event, _ in link.emitted])
    assert gateway.get_client_user_id(client) is None


async def test_validate_client_refuses_when_the_session_was_revoked_meanwhile() -> None:
    """The token is revoked after the guard and before the hook, so the client joins no room."""
    chat = await open_chat()
    gateway = chat.module.get(WsGateway)
    alice = await chat.connect("user_alice")
    assert alice.socket.session is not None
    alice.socket.session.revoked = True

    assert not gateway.validate_client(alice.socket)


async def test_get_client_user_id_gives_the_user_when_there_is_a_session() -> None:
    chat = await open_chat()
    alice = await chat.connect("user_alice")

    assert "user_alice" == chat.module.get(WsGateway).get_client_user_id(alice.socket)
    assert chat.module.get(WsGateway).validate_client(alice.socket)


async def test_get_client_user_id_gives_the_user_when_a_guard_set_only_the_session() -> None:
    """A guard written for an earlier version sets `session` without calling `authenticate`."""
    chat = await open_chat()
    client = fake_socket(AuthenticatedSocket)
    client.session = session_of("user_alice", client)

    assert "user_alice" == chat.module.get(WsGateway).get_client_user_id(client)
