"""Configures structlog, and the standard library's logging behind it, for the whole process.

Called once by the composition root; safe to call again, as tests do.
"""

import json
import logging
import sys
from typing import Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.observability.current_event import add_current_event
from app.observability.redaction import redact

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]

_HANDLER_NAME = "chatgenius"
_SELF_HANDLING_LOGGERS = (
    "engineio.client",
    "engineio.server",
    "socketio.client",
    "socketio.server",
)


def configure_logging(level: LogLevel, log_format: LogFormat) -> None:
    """Send every log line of this process, redacted, to the present standard error.

    ``console`` writes lines for people, ``json`` one object a line with a UTC timestamp. Values
    bound by ``structlog.contextvars`` are part of each line, and so are the names of the event
    that is being handled. Tracebacks never show locals.
    Libraries are heard from WARNING on, whatever the level: below that some of them log packets
    and SQL parameters. Calling this again replaces what an earlier call set up, nothing else.
    """
    handler = _StderrHandler(sys.stderr)
    handler.set_name(_HANDLER_NAME)
    handler.addFilter(_is_ours_or_serious)
    handler.setFormatter(_formatter(log_format))

    root = logging.getLogger()
    for earlier in [each for each in root.handlers if each.name == _HANDLER_NAME]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _SELF_HANDLING_LOGGERS:
        # Found without a level, these get a handler of their own, which redacts nothing.
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Nothing above depends on the arguments, so a logger cached by an earlier call is right.
        cache_logger_on_first_use=True,
    )


class _StderrHandler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Report a line that could not be written; logging itself would print it unredacted."""
        sys.stderr.write(f"A log line of {record.name} could not be written.\n")


def _is_ours_or_serious(record: logging.LogRecord) -> bool:
    # structlog leaves its logger in the record. Services do not know it and use logging.
    is_ours = hasattr(record, "_logger") or record.name.split(".")[0] == "app"
    return is_ours or record.levelno >= logging.WARNING


def _formatter(log_format: LogFormat) -> logging.Formatter:
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


def _render_json(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    try:
        return orjson.dumps(event_dict).decode()
    except orjson.JSONEncodeError:
        # A lone surrogate or a huge number, which a client may well send and an event may name.
        return json.dumps(event_dict)
