"""Nest's `HttpException` and its subclasses: errors that a controller sends with a status.

The body is Nest's: ``{statusCode, message, error}``, or the object that the constructor received.
"""

from collections.abc import Mapping

from app.framework.common.exceptions import (
    WsBadRequest,
    WsDraining,
    WsException,
    WsForbidden,
    WsTooManyRequests,
    WsUnauthorized,
    WsUnavailable,
    words_of,
)

ResponseBody = str | Mapping[str, object] | list[object]


class HttpException(Exception):
    """An error with an HTTP status.

    Attributes:
        message: The text of the response, or the ``message`` of a response that is an object. If
            the object has no ``message``, this is the name of the exception class in words.
        error_code: A stable code for clients, sent as ``errorCode``, as in Nest 12.
    """

    def __init__(
        self, response: ResponseBody, status: int, *, error_code: str | None = None
    ) -> None:
        self.response = response
        self.status = status
        self.error_code = error_code
        given = response.get("message") if isinstance(response, Mapping) else response
        self.message = given if isinstance(given, str) else words_of(type(self))
        super().__init__(self.message)

    def get_response(self) -> ResponseBody:
        """Return the response that the constructor received or, in a subclass, created."""
        return self.response

    def get_status(self) -> int:
        """Return the HTTP status."""
        return self.status

    def to_body(self) -> object:
        """Return the JSON body: an object unchanged, or ``{statusCode, message}`` for a text."""
        if not isinstance(self.response, str):
            return self.response
        return {"statusCode": self.status, "message": self.response, **_code(self.error_code)}


class _StatusException(HttpException):
    """Base of the exceptions with a fixed status.

    Args:
        message: A text or a list of texts. An object is sent unchanged.
        description: Sent as ``error``; by default the name of the status.
    """

    fixed_status: int
    description: str

    def __init__(
        self,
        message: ResponseBody | None = None,
        description: str | None = None,
        *,
        error_code: str | None = None,
    ) -> None:
        error = description or self.description
        body: ResponseBody
        if isinstance(message, Mapping):
            body = message
        else:
            about = {"message": message, "error": error} if message else {"message": error}
            body = {"statusCode": self.fixed_status, **about, **_code(error_code)}
        super().__init__(body, self.fixed_status, error_code=error_code)


class BadRequestException(_StatusException):
    """Status 400."""

    fixed_status, description = 400, "Bad Request"


class UnauthorizedException(_StatusException):
    """Status 401."""

    fixed_status, description = 401, "Unauthorized"


class ForbiddenException(_StatusException):
    """Status 403; raised when a guard returns False."""

    fixed_status, description = 403, "Forbidden"


class NotFoundException(_StatusException):
    """Status 404."""

    fixed_status, description = 404, "Not Found"


class MethodNotAllowedException(_StatusException):
    """Status 405."""

    fixed_status, description = 405, "Method Not Allowed"


class NotAcceptableException(_StatusException):
    """Status 406."""

    fixed_status, description = 406, "Not Acceptable"


class RequestTimeoutException(_StatusException):
    """Status 408."""

    fixed_status, description = 408, "Request Timeout"


class ConflictException(_StatusException):
    """Status 409."""

    fixed_status, description = 409, "Conflict"


class GoneException(_StatusException):
    """Status 410."""

    fixed_status, description = 410, "Gone"


class PreconditionFailedException(_StatusException):
    """Status 412."""

    fixed_status, description = 412, "Precondition Failed"


class PayloadTooLargeException(_StatusException):
    """Status 413."""

    fixed_status, description = 413, "Payload Too Large"


class UnsupportedMediaTypeException(_StatusException):
    """Status 415."""

    fixed_status, description = 415, "Unsupported Media Type"


class ImATeapotException(_StatusException):
    """Status 418."""

    fixed_status, description = 418, "I'm a teapot"


class MisdirectedException(_StatusException):
    """Status 421."""

    fixed_status, description = 421, "Misdirected"


class UnprocessableEntityException(_StatusException):
    """Status 422."""

    fixed_status, description = 422, "Unprocessable Entity"


class InternalServerErrorException(_StatusException):
    """Status 500."""

    fixed_status, description = 500, "Internal Server Error"


class NotImplementedException(_StatusException):
    """Status 501."""

    fixed_status, description = 501, "Not Implemented"


class BadGatewayException(_StatusException):
    """Status 502."""

    fixed_status, description = 502, "Bad Gateway"


class ServiceUnavailableException(_StatusException):
    """Status 503."""

    fixed_status, description = 503, "Service Unavailable"


class GatewayTimeoutException(_StatusException):
    """Status 504."""

    fixed_status, description = 504, "Gateway Timeout"


class HttpVersionNotSupportedException(_StatusException):
    """Status 505."""

    fixed_status, description = 505, "HTTP Version Not Supported"


_HTTP_KINDS: dict[type[WsException], type[_StatusException]] = {
    WsUnauthorized: UnauthorizedException,
    WsForbidden: ForbiddenException,
    WsUnavailable: ServiceUnavailableException,
    WsDraining: ServiceUnavailableException,
}


def as_http_exception(error: Exception) -> Exception:
    """Convert an error such as a guard's `WsForbidden` to the HTTP exception of the same meaning.

    Errors without such an HTTP exception are returned unchanged. A plain `WsException` is one of
    them: in a controller, it is an unexpected error, as in Nest.
    """
    if isinstance(error, WsBadRequest):
        return _chained(BadRequestException(error.http_message), error)
    if isinstance(error, WsTooManyRequests):
        body = {"statusCode": 429, "message": error.message, "error": "Too Many Requests"}
        return _chained(HttpException(body, 429), error)
    for ws_kind, http_kind in _HTTP_KINDS.items():
        if isinstance(error, ws_kind):
            return _chained(http_kind(error.message), error)
    return error


def _chained(error: HttpException, cause: Exception) -> HttpException:
    error.__cause__ = cause
    return error


def _code(error_code: str | None) -> dict[str, object]:
    return {} if error_code is None else {"errorCode": error_code}
