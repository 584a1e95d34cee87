"""Errors of the framework, in two trees.

::

    WsException                 reaches the client: ack or `exception`
    ├── WsUnauthorized          unauthorized
    ├── WsForbidden             forbidden (a guard refused)
    ├── WsBadRequest            invalid_payload, with the fields
    ├── WsUnknownEvent          unknown_event
    ├── WsTooManyRequests       rate_limited, temporary
    ├── WsUnavailable           unavailable, temporary
    ├── WsDraining              draining, temporary
    └── WsInternalError         internal (a bug; its own text stays here)

    BootError                   stops the start with a sentence that names the mend
"""

import re
from collections.abc import Mapping
from typing import TypedDict


class WsException(Exception):
    """An error a client is told of.

    Attributes:
        error: What was raised: a text, or an object that is sent as it is (Nest's rule).
        message: The text; of an object its ``message``, else the class name in words.
        code: Stable, for programs.
        temporary: Whether the same request may succeed later.
        details: Further fields of the answer, such as ``retryAfterMs``.
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
        """The constructor's argument."""
        return self.error

    def to_ack(self) -> object:
        """What the ack carries: ``{error, code, temporary, ...details}``, or the object raised."""
        if not isinstance(self.error, str):
            return self.error
        return {
            "error": self.message,
            "code": self.code,
            "temporary": self.temporary,
            **self.details,
        }

    def to_event(self, cause: Mapping[str, object] | None) -> object:
        """What ``exception`` carries: Nest's payload with the code added, or the object raised."""
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
        return " ".join(re.findall(r"[A-Z][a-z0-9]*", type(self).__name__))


class WsUnauthorized(WsException):
    """The client is not known."""

    code = "unauthorized"


class WsForbidden(WsException):
    """A guard refused."""

    code = "forbidden"

    def __init__(self, error: str = "Forbidden resource") -> None:
        super().__init__(error)


class FieldError(TypedDict):
    """What is wrong with one field of a payload: ``path`` in dots, ``message`` for people.

    It goes over the wire as it is.
    """

    path: str
    message: str


class WsBadRequest(WsException):
    """A payload does not fit; ``fields`` says where."""

    code = "invalid_payload"

    def __init__(self, fields: tuple[FieldError, ...]) -> None:
        self.fields = fields
        super().__init__(
            "; ".join(
                f"{field['path']}: {field['message']}" if field["path"] else field["message"]
                for field in fields
            ),
            details={"fields": list(fields)},
        )


class WsUnknownEvent(WsException):
    """No handler has this event; the nearest known one is named, the sent name is not echoed."""

    code = "unknown_event"

    def __init__(self, nearest: str | None) -> None:
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        super().__init__(f"There is no such event.{hint}")


class WsTooManyRequests(WsException):
    """The client may go on after ``retry_after_ms`` milliseconds.

    Its further events are not handled before, so that it gets one answer, not one for each.
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
    """It cannot be done now, and was not."""

    code = "unavailable"
    temporary = True


class WsDraining(WsException):
    """The server is closing; the event was not handled."""

    code = "draining"
    temporary = True

    def __init__(self) -> None:
        super().__init__("The server is shutting down; connect again and repeat the request.")


class WsInternalError(WsException):
    """Something unexpected, logged where it happened; the client learns no more than that."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("internal error")


class BootError(Exception):
    """The application is put together wrongly; the text names the place and the mend."""
