"""Adds the ids of the current event to log lines."""

from structlog.typing import EventDict, WrappedLogger

from app.framework.common.context import current_context


def add_current_event(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Add request id, event, socket and user, unless the line already contains them.

    The ids are collected only when a line is logged, so events that log nothing have no cost.
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
