"""Identifies the sender of an event or a request."""

from typing import Any

from app.framework import CanActivate, ExecutionContext, Socket, create_param_decorator


def name_of(caller: Any) -> str:
    """Return the name in a socket's ``auth``, or in the header of a request."""
    if isinstance(caller, Socket):
        return str(caller.handshake.auth.get("name", ""))
    name: str = caller.headers.get("X-User", "")
    return name


def current_user(_: object, context: ExecutionContext) -> str:
    """Return the user of an event or a request."""
    if context.get_type() == "http":
        return name_of(context.switch_to_http().get_request())
    return name_of(context.switch_to_ws().get_client())


CurrentUser = create_param_decorator(current_user)


class UserGuard(CanActivate):
    """Admits only callers with a name."""

    def can_activate(self, context: ExecutionContext) -> bool:
        return bool(current_user(None, context))
