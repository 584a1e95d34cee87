"""The `allow_expired_session` decorator, which `WsGuard` reads."""

from collections.abc import Callable
from typing import Any, TypeVar

from app.framework import set_metadata

ALLOWS_EXPIRED_SESSION = "allows_expired_session"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def allow_expired_session() -> Callable[[Decorated], Decorated]:
    """Let an expired session call the handler within the grace period, unless it is revoked."""
    return set_metadata(ALLOWS_EXPIRED_SESSION, value=True)
