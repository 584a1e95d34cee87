import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.domain.ids import UserId
from app.framework import CallHandler, ExecutionContext
from app.framework.testing import fake_context, fake_socket
from app.interceptors.request_log_interceptor import RequestLogInterceptor
from app.observability.current_event import current_event
from app.observability.logging import LogLevel, configure_logging
from app.services.session_service import Session
from app.sockets.authenticated_socket import AuthenticatedSocket


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def alice() -> AuthenticatedSocket:
    """An authenticated socket."""
    client = fake_socket(AuthenticatedSocket)
    client.session = Session(UserId("user_alice"), "", client)
    return client


async def lines_of(
    context: ExecutionContext, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, object]]:
    """What is written while and after an event is handled whose handler logs one line."""

    async def handle() -> None:
        logging.getLogger("app.services.some").warning("handling")

    await RequestLogInterceptor().intercept(context, CallHandler(handle))
    logging.getLogger("app.services.some").warning("afterwards")
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_interceptor_names_the_event_in_the_logs_when_it_is_handled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every line of it bears request, event, socket and user; no other line does."""
    configure_logging("info", "json")
    context = fake_context(alice(), pattern="typing")

    handling, afterwards = await lines_of(context, capsys)

    named = {
        "request_id": context.request_id,
        "pattern": "typing",
        "socket_id": "socket-1",
        "user_id": "user_alice",
    }
    assert named.items() <= handling.items()
    assert named.keys().isdisjoint(afterwards)


@pytest.mark.parametrize(("level", "is_said"), [("debug", True), ("info", False)])
async def test_interceptor_says_that_an_event_was_handled_when_the_level_is_debug(
    level: LogLevel, *, is_said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that somebody who debugs sees every event; it too bears the names."""
    configure_logging(level, "json")

    lines = await lines_of(fake_context(alice(), pattern="typing"), capsys)

    assert is_said == (
        ("event handled", "typing") in [(line["event"], line.get("pattern")) for line in lines]
    )


async def test_interceptor_gives_the_handlers_result_when_there_is_one() -> None:
    """Unchanged."""

    async def handle() -> str:
        return "result"

    result = await RequestLogInterceptor().intercept(fake_context(alice()), CallHandler(handle))

    assert "result" == result


async def test_interceptor_leaves_nothing_behind_when_the_handler_raises() -> None:
    """The next event's lines do not bear this one's names."""

    async def handle() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await RequestLogInterceptor().intercept(fake_context(alice()), CallHandler(handle))

    assert current_event.get() is None
