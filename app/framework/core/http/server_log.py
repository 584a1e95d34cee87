"""The logger of the HTTP server. It drops the errors that clients cause with invalid HTTP."""

import logging

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

# The causes, in this order: an invalid head, an invalid chunk (only raised by the pure-Python
# parser), a disconnect within a body.
_CAUSED_BY_CLIENTS = (HttpProcessingError, RequestPayloadError, ConnectionResetError)


def _is_server_error(record: logging.LogRecord) -> bool:
    # aiohttp logs each invalid request in full and with a traceback, so clients could fill the log
    # with text of their choice.
    return record.exc_info is None or not isinstance(record.exc_info[1], _CAUSED_BY_CLIENTS)


http_log = logging.getLogger("HttpServer")
"""The logger that aiohttp's server uses."""
http_log.addFilter(_is_server_error)

# Drop the warnings about unsupported subprotocols, because they quote the client's text.
logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)
