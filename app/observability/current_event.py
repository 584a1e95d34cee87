"""Names the event that is being handled in every line logged meanwhile."""

from contextvars import ContextVar

from structlog.typing import EventDict, WrappedLogger

from app.framework import ExecutionContext

current_event: ContextVar[ExecutionContext | None] = ContextVar("current_event", default=None)
"""Set around each handler. Only a reference: an event that logs nothing pays for no names."""


def add_current_event(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Put request id, event, socket and user into the line, where it does not say them itself."""
    context = current_event.get()
    if context is None:
        return event_dict
    client = context.get_client()
    return {
        "request_id": context.request_id,
        "pattern": context.get_pattern(),
        "socket_id": client.id,
        "user_id": getattr(client, "user_id", None),  # a gateway may do without `WsGuard`
        **event_dict,
    }
