import io
import logging
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from app.framework import EngineOptions
from app.observability.logging import configure_logging
from tests.e2e.hostile.probe_server import ProbeServer, probe_server

UNHURRIED = EngineOptions(connect_timeout_seconds=3_600, ping_interval_seconds=3_600)
"""Options with timeouts of an hour, so that no timeout closes a connection during a test."""


@pytest.fixture
async def probe(request: pytest.FixtureRequest) -> AsyncIterator[ProbeServer]:
    """A probe server with the options `UNHURRIED`, or with options from an indirect parameter."""
    async with probe_server(getattr(request, "param", UNHURRIED)) as server:
        yield server


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log of the test, in the format of production."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("debug", "json")
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    _forget_cached_loggers()


def _forget_cached_loggers() -> None:
    # Do not cache loggers: a cached logger would keep this configuration in later tests.
    proxy = type(structlog.get_logger())
    for name, module in tuple(sys.modules.items()):
        if name.startswith("app."):
            for value in vars(module).values():
                if isinstance(value, proxy):
                    vars(value).pop("bind", None)
