"""``@roles`` and its guard, which protects gateways and controllers."""

from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from app.framework import CanActivate, ExecutionContext, Reflector, set_metadata
from tests.ports.administration.sessions import Role, SessionStore, User

ROLES = "roles"
USER = web.RequestKey("user", User)

Target = TypeVar("Target", bound=Callable[..., Any])


def roles(*allowed: Role) -> Callable[[Target], Target]:
    """Admit only users with one of these roles."""
    return set_metadata(ROLES, allowed)


def user_of(context: ExecutionContext) -> User | None:
    """Return the user who sent an event or a request."""
    if context.get_type() == "http":
        user: User | None = context.switch_to_http().get_request().get(USER)
    else:
        user = context.switch_to_ws().get_client().data.get("user")
    return user


class RolesGuard(CanActivate):
    """Rejects users without a role in ``@roles``. Finds the user of a request by the session."""

    def __init__(self, reflector: Reflector, sessions: SessionStore) -> None:
        self._reflector = reflector
        self._sessions = sessions

    def can_activate(self, context: ExecutionContext) -> bool:
        if context.get_type() == "http":
            request = context.switch_to_http().get_request()
            if user := self._sessions.user_of(request.headers.get("Cookie")):
                request[USER] = user
        allowed = self._reflector.get_all_and_override(
            ROLES, [context.get_handler(), context.get_class()]
        )
        user = user_of(context)
        return allowed is None or (user is not None and user.role in allowed)
