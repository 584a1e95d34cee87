from collections.abc import Iterator

import pytest

from app.domain.ids import UserId
from app.framework import ExecutionContext
from app.framework.testing import fake_context, fake_socket
from app.observability.current_event import add_current_event, current_event
from app.services.session_service import Session
from app.sockets.authenticated_socket import AuthenticatedSocket


@pytest.fixture
def context() -> Iterator[ExecutionContext]:
    """An event of nobody's that is being handled."""
    context = fake_context(fake_socket(AuthenticatedSocket), pattern="typing")
    before = current_event.set(context)
    yield context
    current_event.reset(before)


def test_line_bears_the_names_of_the_event_when_one_is_handled(context: ExecutionContext) -> None:
    """Four fields beside the line's own."""
    client: AuthenticatedSocket = context.get_client()
    client.session = Session(UserId("user_alice"), "", client)

    line = add_current_event(None, "info", {"event": "said"})

    assert {
        "event": "said",
        "request_id": context.request_id,
        "pattern": "typing",
        "socket_id": "socket-1",
        "user_id": "user_alice",
    } == line


@pytest.mark.usefixtures("context")
def test_line_keeps_what_it_says_itself_when_an_event_is_handled() -> None:
    """Somebody else's socket, an unknown event's name."""
    line = add_current_event(None, "info", {"socket_id": "another", "pattern": "(unknown)"})

    assert ("another", "(unknown)") == (line["socket_id"], line["pattern"])


@pytest.mark.usefixtures("context")
def test_line_names_no_user_when_the_socket_has_none() -> None:
    """A gateway of one's own may do without `WsGuard`; its lines are written all the same."""
    assert add_current_event(None, "info", {})["user_id"] is None


def test_line_is_as_it_was_when_no_event_is_handled() -> None:
    """Start, stop, background work."""
    assert {"event": "said"} == add_current_event(None, "info", {"event": "said"})
