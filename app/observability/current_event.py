"""Names the event that is being handled in every line logged meanwhile."""

from structlog.typing import EventDict, WrappedLogger

from app.framework.common.context import current_context


def add_current_event(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Put request id, event, socket and user into the line, where it does not say them itself.

    They are put together here, so an event that logs nothing does not pay for them.
    """
    context = current_context.get()
    if context is None:
        return event_dict
    client = context.get_client()
    return {
        "request_id": context.request_id,
        "pattern": context.log_name,
        "socket_id": client.id,
        # Nobody's while it is being admitted, or where a gateway does without `WsGuard`.
        "user_id": getattr(client, "user_id", None),
        **event_dict,
    }
