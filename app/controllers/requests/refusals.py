"""The error responses of the endpoints for backends, with Nest's fields plus ``code``."""

from http import HTTPStatus

from app.domain.errors import (
    ChannelExists,
    ChannelInUse,
    ChannelNotFound,
    ChatError,
    Unavailable,
    UserNotFound,
)
from app.framework import BaseExceptionFilter, ExecutionContext, HttpException, catch

_STATUS: dict[type[ChatError], HTTPStatus] = {
    ChannelNotFound: HTTPStatus.NOT_FOUND,
    UserNotFound: HTTPStatus.NOT_FOUND,
    ChannelExists: HTTPStatus.CONFLICT,
    ChannelInUse: HTTPStatus.CONFLICT,
}


class Refusal(HttpException):
    """An error whose body has the fields ``statusCode``, ``message``, ``code`` and details.

    Args:
        message: A sentence for people, without secrets from the request.
        details: The other fields of the body, by their JSON names.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str, **details: object) -> None:
        body = {"statusCode": status, "message": message, "code": code, **details}
        super().__init__(body, status, error_code=code)


@catch(HttpException, ChatError)
class RefusalFilter(BaseExceptionFilter):
    """Converts domain errors, and errors in reading or decoding a request body, to a `Refusal`."""

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        """Answer with the `Refusal` for the error; `BaseExceptionFilter` answers other errors."""
        super().catch(_refusal(exception), host)


def _refusal(error: Exception) -> Exception:
    if isinstance(error, Unavailable):  # the change may or may not be stored
        return Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            "The result could not be confirmed; retry the request.",
            temporary=True,
        )
    if isinstance(error, ChatError) and type(error) in _STATUS:
        return Refusal(_STATUS[type(error)], error.code, str(error))
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HttpException) and error.error_code is not None:
        return Refusal(HTTPStatus(error.get_status()), error.error_code, error.message)
    return error
