from typing import Any

import pytest
import structlog

from app.domain.ids import UserId
from app.framework import CallHandler
from app.framework.testing import fake_context, fake_socket
from app.interceptors.request_log_interceptor import RequestLogInterceptor
from app.services.session_service import Session
from app.sockets.authenticated_socket import AuthenticatedSocket


def alice() -> AuthenticatedSocket:
    """An authenticated socket."""
    client = fake_socket(AuthenticatedSocket)
    client.session = Session(UserId("user_alice"), "", client)
    return client


async def test_interceptor_names_the_event_in_the_logs_when_it_is_handled() -> None:
    """Request, event, socket and user are bound meanwhile, and the result is the handler's."""
    seen: dict[str, Any] = {}

    async def handle() -> str:
        seen.update(structlog.contextvars.get_contextvars())
        return "result"

    context = fake_context(alice(), pattern="typing")
    result = await RequestLogInterceptor().intercept(context, CallHandler(handle))

    assert "result" == result
    assert {
        "request_id": context.request_id,
        "pattern": "typing",
        "socket_id": "socket-1",
        "user_id": "user_alice",
    } == seen


async def test_interceptor_leaves_nothing_behind_when_the_handler_raises() -> None:
    """The next event's lines do not bear this one's names."""

    async def handle() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await RequestLogInterceptor().intercept(fake_context(alice()), CallHandler(handle))

    assert {} == structlog.contextvars.get_contextvars()
