import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.domain.ids import UserId
from app.framework import subscribe_message, web_socket_gateway
from app.framework.common.context import HttpContext, current_context
from app.framework.testing import fake_context, fake_socket
from app.observability.current_event import add_current_event
from app.observability.logging import configure_logging
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.unit.framework.driving import Driver
from tests.unit.sessions import session_of

NAMES = ("request_id", "pattern", "socket_id", "user_id")


@web_socket_gateway()
class TalkativeGateway:
    """Logs one line for each client and event, with a library's logger or a service's logger."""

    def handle_connection(self, _client: object) -> None:
        logging.getLogger("some.library").warning("connecting")

    @subscribe_message("talk")
    def talk(self) -> None:
        structlog.stdlib.get_logger("app.somewhere").warning("talking")


pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.fixture(autouse=True)
def _no_current_event() -> Iterator[None]:
    before = current_context.set(None)
    yield
    current_context.reset(before)


def a_client(user_id: str) -> AuthenticatedSocket:
    client = fake_socket(AuthenticatedSocket)
    client.authenticate(session_of(UserId(user_id), client))
    return client


def logged(capsys: pytest.CaptureFixture[str]) -> list[tuple[object, ...]]:
    """Return the text and the ids of each line, without the request id."""
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [(line["event"], *(line.get(name) for name in NAMES[1:])) for line in lines]


async def test_line_bears_the_names_of_the_event_when_one_is_handled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lines of all loggers have the ids, even while a client is being admitted."""
    configure_logging("info", "json")
    driver = Driver(TalkativeGateway())
    driver.socket = a_client("user_alice")

    await driver.connect()
    await driver.send("talk")

    assert [
        ("connecting", "handleConnection", "socket-1", "user_alice"),
        ("talking", "talk", "socket-1", "user_alice"),
    ] == logged(capsys)


def test_lines_of_one_event_bear_one_request_id_when_there_are_several() -> None:
    """All log lines of an event have the request id that the client receives."""
    context = fake_context(a_client("user_alice"))
    current_context.set(context)

    lines = [add_current_event(None, "info", {}) for _ in range(2)]

    assert [context.request_id] * 2 == [line["request_id"] for line in lines]


def test_line_keeps_what_it_says_itself_when_an_event_is_handled() -> None:
    """The ids of the line take precedence over those of the event."""
    current_context.set(fake_context(a_client("user_alice")))

    line = add_current_event(None, "info", {"socket_id": "another"})

    assert ("another", "user_alice") == (line["socket_id"], line["user_id"])


def test_line_names_no_user_when_the_socket_has_none() -> None:
    current_context.set(fake_context(fake_socket(AuthenticatedSocket)))

    assert add_current_event(None, "info", {})["user_id"] is None


def test_line_names_the_route_when_a_request_is_handled() -> None:
    """The logged route is the pattern, so the line contains no text from the client."""
    context = HttpContext(None, None, "GET /channels/{channel_id}", object, logged)
    current_context.set(context)

    assert {"request_id": context.request_id, "route": "GET /channels/{channel_id}"} == (
        add_current_event(None, "info", {})
    )


def test_line_is_as_it_was_when_no_event_is_handled() -> None:
    """Lines outside of events, for example of the start, get no ids."""
    assert {"event": "said"} == add_current_event(None, "info", {"event": "said"})
