"""What the HTTP server logs: our failures, not those of clients that cannot speak HTTP."""

import logging

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

# Broken heads; broken chunks, as aiohttp's parser in Python has them; going before the body's end.
_THEIRS = (HttpProcessingError, RequestPayloadError, ConnectionResetError)


def _is_ours(record: logging.LogRecord) -> bool:
    # aiohttp logs a traceback for each broken request and quotes it, headers and all: strangers
    # could fill the log, and write into it.
    return record.exc_info is None or not isinstance(record.exc_info[1], _THEIRS)


http_log = logging.getLogger("HttpServer")
"""For aiohttp's server."""
http_log.addFilter(_is_ours)

# It warns of every subprotocol that a stranger asks for, in the stranger's words. There are none.
logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)
