from collections.abc import Callable
from typing import Any

import pytest

from app.framework import ExecutionContext, HttpContext, Socket
from app.framework.testing import fake_context, fake_socket


def http_context() -> HttpContext:
    return HttpContext("request", "response", "GET /cats", object, http_context)


def test_http_context_has_the_request_and_the_response() -> None:
    context = http_context()

    assert ("http", ("request", "response")) == (context.get_type(), context.get_args())
    assert ("request", "response") == (
        context.switch_to_http().get_request(),
        context.get_arg_by_index(1),
    )
    assert (object, http_context) == (context.get_class(), context.get_handler())


@pytest.mark.parametrize(
    "method",
    [
        ExecutionContext.switch_to_ws,
        ExecutionContext.get_client,
        ExecutionContext.get_data,
        ExecutionContext.get_ack,
    ],
)
def test_http_context_has_no_socket(method: Callable[[Any], Any]) -> None:
    """A guard that reads the socket of a request raises an error, so the request is rejected."""
    with pytest.raises(TypeError, match="GET /cats is an HTTP request and has no socket; call "):
        getattr(http_context(), method.__name__)()


def test_event_has_no_request() -> None:
    context = fake_context(fake_socket(Socket), pattern="join")

    assert "ws" == context.get_type()
    with pytest.raises(TypeError) as caught:
        context.switch_to_http()
    assert (
        "'join' is an event of a gateway and has no HTTP request; "
        "call switch_to_http() only if get_type() is 'http'"
    ) == str(caught.value)
