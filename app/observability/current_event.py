"""Adds the ids of the current event to log lines."""

from structlog.typing import EventDict, WrappedLogger

from app.framework.common.context import current_context


def add_current_event(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Add the ids of the current event to a log line, unless the line already contains them.

    For a Socket.IO event, these are the request id, the event's name, the socket id and the user
    id. For an HTTP request, these are the request id and the route. The ids are collected only when
    a line is logged, so events that log nothing have no cost.
    """
    context = current_context.get()
    if context is None:
        return event_dict
    if context.get_type() == "http":
        return {"request_id": context.request_id, "route": context.log_name, **event_dict}
    client = context.get_client()
    return {
        "request_id": context.request_id,
        "pattern": context.log_name,
        "socket_id": client.id,
        # A socket has no user during admission and in gateways without `WsGuard`.
        "user_id": getattr(client, "user_id", None),
        **event_dict,
    }
