"""The framework's errors, in two trees. Controllers use the errors of ``http_exceptions.py``.

::

    WsException                 sent to the client: in the ack or as the event `exception`
    ├── WsUnauthorized          unauthorized
    ├── WsForbidden             forbidden (a guard refused)
    ├── WsBadRequest            invalid_payload, with the error of each field
    ├── WsUnknownEvent          unknown_event
    ├── WsTooManyRequests       rate_limited, temporary
    ├── WsUnavailable           unavailable, temporary
    ├── WsDraining              draining, temporary
    └── WsInternalError         internal (any other error; its text is only logged)

    BootError                   prevents the start; its text says how to fix the application
"""

import re
from collections.abc import Mapping
from typing import TypedDict


class WsException(Exception):
    """An error that is sent to the client.

    Attributes:
        error: A text, or an object that is sent unchanged, as in Nest.
        message: The text of the error. If ``error`` is an object, this is the object's ``message``
            or, if that is missing, the name of the exception class in words.
        details: Additional fields of the answer, such as ``retryAfterMs``.
    """

    code = "error"
    temporary = False

    def __init__(
        self,
        error: str | Mapping[str, object] | list[object],
        *,
        code: str | None = None,
        temporary: bool | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        self.error = error
        self.code = self.code if code is None else code
        self.temporary = self.temporary if temporary is None else temporary
        self.details = details or {}
        self.message = self._message_of(error)
        super().__init__(self.message)

    def get_error(self) -> str | Mapping[str, object] | list[object]:
        """Return the first argument of the constructor (Nest's ``getError``)."""
        return self.error

    def to_ack(self) -> object:
        """Return ``{error, code, temporary, ...details}``, the argument of the ack.

        An `error` that is an object is returned unchanged.
        """
        if not isinstance(self.error, str):
            return self.error
        return {
            "error": self.message,
            "code": self.code,
            "temporary": self.temporary,
            **self.details,
        }

    def to_wire(self) -> dict[str, object]:
        """Return the ack of a handler that returns the error instead of raising it.

        Nest sends ``{error, message}``. This port adds ``code``, ``temporary`` and the `details`.
        """
        return {
            "error": self.error,
            "message": self.message,
            "code": self.code,
            "temporary": self.temporary,
            **self.details,
        }

    def to_event(self, cause: Mapping[str, object] | None) -> object:
        """Return the payload of the ``exception`` event: Nest's payload, `code` and `details`.

        An `error` that is an object is returned unchanged.
        """
        if not isinstance(self.error, str):
            return self.error
        payload: dict[str, object] = {
            "status": "error",
            "message": self.message,
            "code": self.code,
            **self.details,
        }
        if cause is not None:
            payload["cause"] = cause
        return payload

    def _message_of(self, error: object) -> str:
        if isinstance(error, str):
            return error
        if isinstance(error, Mapping) and isinstance(error.get("message"), str):
            return str(error["message"])
        return words_of(type(self))


def words_of(cls: type) -> str:
    """Return the name of a class as words: ``RoomNotFound`` gives "Room Not Found"."""
    return " ".join(re.findall(r"[A-Z][a-z0-9]*", cls.__name__))


class WsUnauthorized(WsException):
    """The client is not authenticated."""

    code = "unauthorized"


class WsForbidden(WsException):
    """A guard refused the event or the connection."""

    code = "forbidden"

    def __init__(self, error: str = "Forbidden resource") -> None:
        super().__init__(error)


class FieldError(TypedDict):
    """The error of one field, as sent to the client; the parts of ``path`` are joined with dots."""

    path: str
    message: str


class WsBadRequest(WsException):
    """The payload is invalid; ``fields`` lists the errors.

    Args:
        http_message: The ``message`` for an HTTP client; by default a list of all errors, as from
            Nest's ``ValidationPipe``.
    """

    code = "invalid_payload"

    def __init__(self, fields: tuple[FieldError, ...], http_message: str | None = None) -> None:
        self.fields = fields
        messages: list[object] = [
            f"{field['path']}: {field['message']}" if field["path"] else field["message"]
            for field in fields
        ]
        self.http_message = messages if http_message is None else http_message
        super().__init__("; ".join(map(str, messages)), details={"fields": list(fields)})


class WsUnknownEvent(WsException):
    """No handler exists for this event.

    The message suggests the most similar known event, if any. It does not repeat the name that the
    client sent.
    """

    code = "unknown_event"

    def __init__(self, nearest: str | None) -> None:
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        super().__init__(f"There is no such event.{hint}")


class WsTooManyRequests(WsException):
    """The client exceeded a rate limit and may send again after ``retry_after_ms`` milliseconds.

    Until then, the pipeline does not handle the client's events, so the client gets one error
    instead of one per event.
    """

    code = "rate_limited"
    temporary = True

    def __init__(self, retry_after_ms: int) -> None:
        self.retry_after_ms = retry_after_ms
        super().__init__(
            f"Too many events; try again in {retry_after_ms} ms.",
            details={"retryAfterMs": retry_after_ms},
        )


class WsUnavailable(WsException):
    """A required service is unavailable; the request had no effect."""

    code = "unavailable"
    temporary = True


class WsDraining(WsException):
    """The server is shutting down; it did not handle the event."""

    code = "draining"
    temporary = True

    def __init__(self) -> None:
        super().__init__("The server is shutting down; connect again and repeat the request.")


class WsInternalError(WsException):
    """An unexpected error, which is logged; the client gets no details."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("internal error")


class BootError(Exception):
    """The application contains a mistake; the text names the place and the fix."""
