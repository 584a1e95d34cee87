import logging

import pytest
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web import RequestPayloadError

from app.framework.core.http.server_log import http_log


@pytest.mark.parametrize(
    ("failure", "logged"),
    [
        (BadHttpMessage("no HTTP"), False),
        (RequestPayloadError("a broken chunk"), False),
        (ConnectionResetError("Connection lost"), False),
        (KeyError("ours"), True),
    ],
    ids=repr,
)
def test_failure_is_logged_when_it_is_ours(
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
    logged: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Errors of clients are not logged, because clients could fill the log with them."""
    http_log.error("Error handling request", exc_info=failure)

    assert logged == bool(caplog.records)


def test_message_is_logged_when_there_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        http_log.info("hello")

    assert ["hello"] == caplog.messages
