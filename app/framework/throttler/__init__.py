"""Port of ``@nestjs/throttler``: limits how often a client calls each handler."""

from app.framework.throttler.decorators import skip_throttle, throttle
from app.framework.throttler.guard import (
    BaseThrottlerGuard,
    HandlerLimit,
    ThrottlerException,
    ThrottlerGuard,
)
from app.framework.throttler.module import ThrottlerModule
from app.framework.throttler.options import ThrottlerOptions
from app.framework.throttler.storage import ThrottlerStorage

__all__ = [
    "BaseThrottlerGuard",
    "HandlerLimit",
    "ThrottlerException",
    "ThrottlerGuard",
    "ThrottlerModule",
    "ThrottlerOptions",
    "ThrottlerStorage",
    "skip_throttle",
    "throttle",
]
