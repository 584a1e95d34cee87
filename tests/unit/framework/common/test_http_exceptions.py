from collections.abc import Mapping
from typing import Any

import pytest

from app.framework import (
    BadRequestException,
    FieldError,
    HttpException,
    HttpVersionNotSupportedException,
    ImATeapotException,
    NotFoundException,
    WsBadRequest,
    WsDraining,
    WsException,
    WsForbidden,
    WsUnavailable,
)
from app.framework.common.http_exceptions import as_http_exception


class _CatIsAsleep(HttpException):
    pass


@pytest.mark.parametrize(
    ("error", "status", "message", "body"),
    [
        (NotFoundException(), 404, "Not Found", {"message": "Not Found", "statusCode": 404}),
        (
            NotFoundException("No cat", "Missing"),
            404,
            "No cat",
            {"message": "No cat", "error": "Missing", "statusCode": 404},
        ),
        (
            BadRequestException(["a", "b"]),
            400,
            "Bad Request Exception",
            {"message": ["a", "b"], "error": "Bad Request", "statusCode": 400},
        ),
        (BadRequestException({"own": 1}), 400, "Bad Request Exception", {"own": 1}),
        (
            ImATeapotException(error_code="tea"),
            418,
            "I'm a teapot",
            {"message": "I'm a teapot", "statusCode": 418, "errorCode": "tea"},
        ),
        (
            HttpVersionNotSupportedException(),
            505,
            "HTTP Version Not Supported",
            {"message": "HTTP Version Not Supported", "statusCode": 505},
        ),
        (HttpException("Gone", 410), 410, "Gone", {"message": "Gone", "statusCode": 410}),
        (_CatIsAsleep({"cat": 1}, 423), 423, "Cat Is Asleep", {"cat": 1}),
        (_CatIsAsleep(["a"], 423), 423, "Cat Is Asleep", ["a"]),
    ],
)
def test_exception_has_nests_message_and_body(
    error: HttpException, status: int, message: str, body: Any
) -> None:
    """The cases were compared with Nest 12."""
    assert (status, message, body) == (error.get_status(), error.message, error.to_body())


def test_exception_returns_the_response_it_was_given() -> None:
    given: Mapping[str, object] = {"reason": "tea"}

    assert given is HttpException(given, 418).get_response()


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (
            WsForbidden(),
            {"message": "Forbidden resource", "error": "Forbidden", "statusCode": 403},
        ),
        (
            WsBadRequest((FieldError(path="a", message="b"), FieldError(path="", message="c"))),
            {"message": ["a: b", "c"], "error": "Bad Request", "statusCode": 400},
        ),
        (
            WsUnavailable("Later"),
            {"message": "Later", "error": "Service Unavailable", "statusCode": 503},
        ),
    ],
)
def test_error_of_guards_and_pipes_becomes_nests_for_http(
    error: WsException, body: dict[str, Any]
) -> None:
    converted = as_http_exception(error)

    assert isinstance(converted, HttpException)
    assert (body, error) == (converted.to_body(), converted.__cause__)


@pytest.mark.parametrize("error", [WsException("for sockets"), KeyError("bug")])
def test_error_stays_when_it_has_no_status(error: Exception) -> None:
    assert error is as_http_exception(error)


def test_draining_is_temporary_for_http_too() -> None:
    converted = as_http_exception(WsDraining())

    assert isinstance(converted, HttpException)
    assert 503 == converted.get_status()
