"""Helpers for all commands: load settings, run an event loop, print errors without a traceback."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
import typer

from app.config.settings import Settings
from app.config.settings_loader import SettingsError, load_settings, misspelt_settings
from app.domain.errors import Unavailable
from app.framework.cli.part_name import StarterError
from app.framework.common.exceptions import BootError
from app.main import StartError
from app.observability.logging import configure_logging

T = TypeVar("T")

_log = structlog.stdlib.get_logger("Settings")


def settings_and_logging() -> Settings:
    """Load the settings, configure logging, and warn of misspelt settings."""
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    for sentence in misspelt_settings():
        _log.warning(sentence)
    return settings


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """For errors that the user can fix, print a sentence without a traceback, and exit with 1."""
    try:
        yield
    except (SettingsError, BootError, StartError, StarterError, Unavailable, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a new event loop, and return its result."""
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        return runner.run(coroutine)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - uvloop does not exist on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
