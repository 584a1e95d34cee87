import io
import json
import logging
import os
import sys
from importlib import import_module

import pytest
import structlog

from app.observability.logging import LogLevel, SharedLog, configure_logging

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyX2FkYSJ9.c2lnbmF0dXJl"


pytestmark = pytest.mark.usefixtures("logging_as_before")


class _BrokenStream(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_logging_writes_json_with_context_when_in_production(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each line is a JSON object with level, logger, UTC time, fields and context."""
    configure_logging("info", "json")
    structlog.contextvars.bind_contextvars(request_id="r1")

    structlog.stdlib.get_logger("app.somewhere").info("sent", channel_id="c1")

    (line,) = _lines(capsys)
    timestamp = str(line.pop("timestamp"))
    assert timestamp.endswith("Z")
    assert {
        "event": "sent",
        "level": "info",
        "logger": "app.somewhere",
        "channel_id": "c1",
        "request_id": "r1",
    } == line


def test_logging_names_the_worker_when_there_are_several(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lines of libraries name the worker, too. Lines of the supervisor name none."""
    lock = os.memfd_create("lock")

    configure_logging("info", "json", SharedLog(lock, worker=2))
    structlog.stdlib.get_logger("app.somewhere").info("sent")
    logging.getLogger("asyncio").warning("slow")
    configure_logging("info", "json", SharedLog(lock))
    structlog.stdlib.get_logger("app.somewhere").info("restarted")
    os.close(lock)

    *of_worker, of_supervisor = _lines(capsys)
    assert [(2, os.getpid())] * 2 == [(line["worker"], line["pid"]) for line in of_worker]
    assert "worker" not in of_supervisor


def test_logging_writes_a_readable_line_when_in_development(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line has the time, level, event and fields."""
    configure_logging("info", "console")

    structlog.stdlib.get_logger("app.somewhere").info("sent", channel_id="c1")

    words = capsys.readouterr().err.split()
    assert ["[info", "]", "sent", "[app.somewhere]", "channel_id=c1"] == words[1:]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_logging_shows_a_traceback_without_locals_when_an_exception_is_logged(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line has the stack and the redacted message, but not the values of local variables."""
    configure_logging("info", "json" if log_format == "json" else "console")
    variable = "value of a local"

    try:
        raise ValueError(f"cannot decode {TOKEN}")  # noqa: TRY301 - the test needs a traceback
    except ValueError:
        structlog.stdlib.get_logger("app.somewhere").exception("failed")

    output = capsys.readouterr().err
    assert "ValueError: cannot decode [redacted]" in output
    assert "Traceback (most recent call last)" in output
    assert variable not in output


def test_logging_redacts_the_message_when_the_standard_library_is_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lines of libraries and services are redacted like other lines."""
    configure_logging("info", "json")

    logging.getLogger("app.services.some").info("refused %s", TOKEN)

    (line,) = _lines(capsys)
    assert ("refused [redacted]", "info") == (line["event"], line["level"])


def test_logging_drops_what_libraries_say_below_warning_when_the_level_is_debug(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Libraries may log packets at this level, so only the application's debug lines appear."""
    configure_logging("debug", "json")

    for name in ("aiosqlite", "engineio.server", "sqlalchemy.engine", "aiohttp.access", "new"):
        logging.getLogger(name).info("a payload")
    logging.getLogger("asyncio").warning("a warning")
    structlog.stdlib.get_logger("Pipeline").debug("our own")

    assert ["a warning", "our own"] == [line["event"] for line in _lines(capsys)]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_logging_starts_at_the_configured_level(
    level: LogLevel, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(level, "json")
    logger = structlog.stdlib.get_logger("app.somewhere")

    for each in ("debug", "info", "warning", "error"):
        logger.log(logging.getLevelNamesMapping()[each.upper()], "said")

    assert expected == [line["level"] for line in _lines(capsys)]


def test_logging_writes_each_line_once_when_configured_repeatedly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Existing loggers use the new settings, and write each line only once."""
    configure_logging("error", "console")
    logger = structlog.stdlib.get_logger("app.somewhere")
    logger.info("too early")

    configure_logging("info", "json")
    logger.info("in time")

    assert ["in time"] == [line["event"] for line in _lines(capsys)]


def test_logging_keeps_socketio_from_writing_unredacted_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """To a logger without a level, python-socketio would add a handler of its own."""
    configure_logging("info", "json")
    server = import_module("socketio").AsyncServer(async_mode="aiohttp")

    server.logger.error("refused %s", TOKEN)
    server.eio.logger.error("refused %s", TOKEN)

    assert ["refused [redacted]"] * 2 == [line["event"] for line in _lines(capsys)]


@pytest.mark.parametrize("value", ["\ud800", 2**70])
def test_logging_writes_the_line_when_orjson_cannot(
    value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines with lone surrogates or huge numbers from clients are logged as well."""
    configure_logging("info", "json")

    structlog.stdlib.get_logger("app.somewhere").info("unknown", name=value)

    (line,) = _lines(capsys)
    assert value == line["name"]


def test_logging_prints_no_arguments_when_a_line_cannot_be_formatted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By default, the standard library would print the arguments unredacted."""
    logging.getLogger().handlers.clear()  # Pytest's handlers raise an error for this line.
    configure_logging("info", "json")

    logging.getLogger("app.somewhere").info("%d", TOKEN)

    assert "A log line of app.somewhere could not be written.\n" == capsys.readouterr().err


def test_program_continues_when_nobody_reads_standard_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For example, the program that reads the log was killed."""
    monkeypatch.setattr(sys, "stderr", _BrokenStream())
    configure_logging("info", "json")

    logging.getLogger("app.somewhere").info("lost")
    structlog.stdlib.get_logger("app.somewhere").info("lost, too")
