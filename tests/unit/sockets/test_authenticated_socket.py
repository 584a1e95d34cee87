import pytest

from app.domain.errors import AuthenticationCode, AuthenticationError
from app.framework.testing import RecordingLink, fake_socket
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.unit.sessions import session_of


def test_socket_has_a_user_when_it_has_a_session() -> None:
    """The socket has ``user_id``, and ``user`` as documented."""
    client = fake_socket(AuthenticatedSocket)
    client.authenticate(session_of("user_alice", client))

    assert ("user_alice", {"id": "user_alice"}) == (client.user_id, client.user)


def test_socket_raises_when_it_has_no_session() -> None:
    """A hook, unlike a handler, may receive a socket without a session."""
    with pytest.raises(AttributeError, match="user_id"):
        _ = fake_socket(AuthenticatedSocket).user_id


def test_end_session_tells_the_client_and_closes_when_it_must_go() -> None:
    """The client receives ``error``, and is then disconnected."""
    link = RecordingLink()
    client = fake_socket(AuthenticatedSocket, link=link)
    error = AuthenticationError(AuthenticationCode.TOKEN_EXPIRED)

    client.end_session(error)

    notice = {"message": error.message, "code": "token_expired", "detail": error.detail}
    assert [("error", (notice,))] == link.emitted
    assert not client.connected
