"""The documented ``SocketResponse<T>``: what every ack carries."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from app.domain.errors import AuthenticationError, ChatError, InvalidPayload, RateLimited

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SocketResponse(Generic[T]):
    """A successful answer; ``to_wire`` gives ``{"data": T}``.

    Failures are raised, and the exception filter answers them with `failure`.
    """

    data: T

    def to_wire(self) -> dict[str, object]:
        """The JSON object, with ``data`` still a domain value."""
        return {"data": self.data}

    @staticmethod
    def failure(error: ChatError) -> dict[str, object]:
        """``{"error", "code", "temporary"}``, and ``detail``, ``retryAfterMs`` or ``fields`` where they apply."""
        answer: dict[str, object] = {
            "error": str(error),
            "code": str(error.code),
            "temporary": error.temporary,
        }
        match error:
            case AuthenticationError():
                answer["detail"] = error.detail
            case RateLimited():
                answer["retryAfterMs"] = error.retry_after_ms
            case InvalidPayload():
                answer["fields"] = [
                    {"path": field.path, "message": field.message} for field in error.fields
                ]
            case _:
                pass
        return answer
