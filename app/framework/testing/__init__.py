"""Nest's ``@nestjs/testing``, and fakes for unit tests of guards and handlers."""

from app.framework.testing.fakes import (
    RecordingLink,
    activate,
    fake_connection,
    fake_context,
    fake_http_context,
    fake_socket,
)
from app.framework.testing.manual_clock import ManualClock
from app.framework.testing.module import Override, Test, TestingModule, TestingModuleBuilder

__all__ = [
    "ManualClock",
    "Override",
    "RecordingLink",
    "Test",
    "TestingModule",
    "TestingModuleBuilder",
    "activate",
    "fake_connection",
    "fake_context",
    "fake_http_context",
    "fake_socket",
]
