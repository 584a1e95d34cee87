"""Which handlers an expired session may still call: a mark for `WsGuard` to read."""

from collections.abc import Callable
from typing import Any, TypeVar

from app.framework import set_metadata

ALLOWS_EXPIRED_SESSION = "allows_expired_session"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def allow_expired_session() -> Callable[[Decorated], Decorated]:
    """Let the handler run within the grace after the token's end; never after a revocation."""
    return set_metadata(ALLOWS_EXPIRED_SESSION, value=True)
