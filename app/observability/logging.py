"""Configures structlog, and the standard library's logging behind it, for the whole process."""

import json
import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.observability.current_event import add_current_event
from app.observability.redaction import redact
from app.observability.shared_stream import SharedStream

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]

_HANDLER_NAME = "chatgenius"
_SELF_HANDLING_LOGGERS = (
    "engineio.client",
    "engineio.server",
    "socketio.client",
    "socketio.server",
)


@dataclass(frozen=True, slots=True)
class SharedLog:
    """The settings for a process that shares its standard error with other processes.

    Attributes:
        lock: See `SharedStream`.
        worker: The worker's number, which each of its lines contains; None for the supervisor.
    """

    lock: int
    worker: int | None = None


def configure_logging(
    level: LogLevel, log_format: LogFormat, shared: SharedLog | None = None
) -> None:
    """Write every log line of this process to the current standard error, after redaction.

    ``console`` writes readable lines, and ``json`` one object per line with a UTC timestamp. Each
    line contains the values bound by ``structlog.contextvars`` and the ids of the current event.
    Tracebacks never show local variables.

    Log lines of libraries below level WARNING are dropped, because some libraries log packets and
    SQL parameters at these levels. Calling this again replaces the earlier configuration.
    """
    handler = _StderrHandler(
        sys.stderr if shared is None else SharedStream(sys.stderr, shared.lock)
    )
    handler.set_name(_HANDLER_NAME)
    handler.addFilter(_is_ours_or_serious)
    handler.setFormatter(_formatter(log_format, None if shared is None else shared.worker))

    root = logging.getLogger()
    for earlier in [each for each in root.handlers if each.name == _HANDLER_NAME]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _SELF_HANDLING_LOGGERS:
        # Without a level, these loggers would get their own handlers, which do not redact.
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Loggers can be cached, because this configuration does not depend on the arguments.
        cache_logger_on_first_use=True,
    )


class _StderrHandler(logging.StreamHandler[TextIO | SharedStream]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Report that a line could not be written, without its text, which may contain secrets.

        If standard error is gone, for example because the program that reads it has ended, the line
        is lost: the server must continue.
        """
        with suppress(OSError):
            sys.stderr.write(f"A log line of {record.name} could not be written.\n")


def _is_ours_or_serious(record: logging.LogRecord) -> bool:
    # Only structlog's records have the attribute ``_logger``. Services and adapters do not use
    # structlog, so check the logger's name too.
    is_ours = hasattr(record, "_logger") or record.name.split(".")[0] == "app"
    return is_ours or record.levelno >= logging.WARNING


def _formatter(log_format: LogFormat, worker: int | None) -> logging.Formatter:
    timestamp: Processor
    renderer: Processor
    match log_format:
        case "console":
            timestamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
            renderer = structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,
            )
        case "json":
            timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
            renderer = _render_json
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_current_event,
            *(() if worker is None else (_add_worker(worker),)),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            timestamp,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ]
    )


def _add_worker(number: int) -> Processor:
    fields = {"worker": number, "pid": os.getpid()}

    def add_worker(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        event_dict.update(fields)
        return event_dict

    return add_worker


def _render_json(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    try:
        return orjson.dumps(event_dict).decode()
    except orjson.JSONEncodeError:
        # orjson rejects lone surrogates and huge numbers, which clients may send.
        return json.dumps(event_dict)
