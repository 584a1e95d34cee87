import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from app.framework.common.minute_log import MINUTE_SECONDS
from tests.doubles.manual_clock import ManualClock
from tests.unit.controllers.revoking import refusal_log


def request(address: str) -> web.Request:
    """Create a request that came through a local proxy."""
    forwarded = make_mocked_request("POST", "/", headers={"X-Forwarded-For": address})
    return forwarded.clone(remote="127.0.0.1")


def test_refusal_names_the_client_when_it_came_by_a_proxy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the address of the client, not of the proxy."""
    refusal_log().refused(request("203.0.113.5"), "webhook", "it is stale")

    assert ["webhook refused: it is stale (from 203.0.113.5, times: 1)"] == caplog.messages


def test_refusals_are_counted_when_an_address_repeats_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has one line per minute and address, which states the number of rejections."""
    clock = ManualClock()
    log = refusal_log(clock)

    for _ in range(100):
        log.refused(request("203.0.113.5"), "webhook", "it is stale")
    log.refused(request("203.0.113.6"), "webhook", "it is stale")
    clock.advance(MINUTE_SECONDS)

    assert [
        "webhook refused: it is stale (from 203.0.113.5, times: 1)",
        "webhook refused: it is stale (from 203.0.113.6, times: 1)",
        "webhook refused: it is stale (from 203.0.113.5, times: 99)",
    ] == caplog.messages
