"""The chat's errors, and one filter for events and requests."""

from app.framework import (
    BaseExceptionFilter,
    ExecutionContext,
    ForbiddenException,
    NotFoundException,
    WsException,
    catch,
)


class ChatError(Exception):
    """An error that the user may see."""


class RoomNotFound(ChatError):
    """No room has this name."""


class NotAMember(ChatError):
    """The user has not joined the room."""


_CODES = {RoomNotFound: "room_not_found", NotAMember: "not_a_member"}
_HTTP = {RoomNotFound: NotFoundException, NotAMember: ForbiddenException}


@catch(ChatError)
class ChatErrorFilter(BaseExceptionFilter):
    """Answers events with a code, and requests with a status."""

    def catch(self, exception: ChatError, host: ExecutionContext) -> None:
        kind, text = type(exception), str(exception)
        if host.get_type() == "http":
            super().catch(_HTTP[kind](text), host)
        else:
            super().catch(WsException(text, code=_CODES[kind]), host)
