"""Authentication and roles. Each guard protects both events and requests."""

from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from app.framework import (
    CanActivate,
    ExecutionContext,
    Reflector,
    UnauthorizedException,
    WsException,
    create_param_decorator,
    set_metadata,
)
from tests.ports.group_chat.users import AuthService, User

_PUBLIC = "isPublic"
_ROLES = "roles"
_REQUEST_USER = web.RequestKey("user", User)

F = TypeVar("F", bound=Callable[..., object])


def public() -> Callable[[F], F]:
    """Exempt a handler from `AuthGuard`."""
    return set_metadata(_PUBLIC, value=True)


def roles(*names: str) -> Callable[[F], F]:
    """Let only users with one of these roles call a handler."""
    return set_metadata(_ROLES, names)


def user_of(context: ExecutionContext) -> User:
    if context.get_type() == "http":
        user: User = context.switch_to_http().get_request()[_REQUEST_USER]
    else:
        user = context.switch_to_ws().get_client().user
    return user


CurrentUser = create_param_decorator(lambda _, context: user_of(context))


class AuthGuard(CanActivate):
    """Admits sockets with a token in ``auth``, and requests with a bearer token."""

    def __init__(self, auth: AuthService, reflector: Reflector) -> None:
        self._auth = auth
        self._reflector = reflector

    def can_activate(self, context: ExecutionContext) -> bool:
        targets = [context.get_handler(), context.get_class()]
        if self._reflector.get_all_and_override(_PUBLIC, targets):
            return True
        if context.get_type() == "http":
            return self._admit_request(context)
        if context.is_connection:
            client = context.switch_to_ws().get_client()
            user = self._auth.verify(client.handshake.auth.get("token"))
            if user is None:
                raise WsException("Invalid token", code="unauthorized")
            client.user = user
        return True

    def _admit_request(self, context: ExecutionContext) -> bool:
        request = context.switch_to_http().get_request()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = self._auth.verify(token) if scheme == "Bearer" else None
        if user is None:
            raise UnauthorizedException
        request[_REQUEST_USER] = user
        return True


class RolesGuard(CanActivate):
    """Rejects users without any of the roles in ``@roles``."""

    def __init__(self, reflector: Reflector) -> None:
        self._reflector = reflector

    def can_activate(self, context: ExecutionContext) -> bool:
        wanted = self._reflector.get_all_and_override(
            _ROLES, [context.get_handler(), context.get_class()]
        )
        if not wanted or context.is_connection:
            return True
        return not set(wanted).isdisjoint(user_of(context).roles)
