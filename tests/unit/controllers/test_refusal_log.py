import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tests.unit.controllers.revoking import WARNINGS, refusal_log


def request(address: str) -> web.Request:
    """What a proxy here passes on."""
    forwarded = make_mocked_request("POST", "/", headers={"X-Forwarded-For": address})
    return forwarded.clone(remote="127.0.0.1")


def test_refusal_names_the_client_when_it_came_by_a_proxy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The proxy's own address would tell nothing."""
    refusal_log().refused(request("203.0.113.5"), "webhook", "it is stale")

    assert ["webhook from 203.0.113.5 refused: it is stale"] == caplog.messages


def test_refusals_are_warnings_no_more_when_an_address_has_had_its_share(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever fills the log fills it for himself, where debug is on."""
    log = refusal_log()

    with caplog.at_level(logging.DEBUG):
        for _ in range(WARNINGS + 1):
            log.refused(request("203.0.113.5"), "webhook", "it is stale")
        log.refused(request("203.0.113.6"), "webhook", "it is stale")

    expected = [logging.WARNING] * WARNINGS + [logging.DEBUG, logging.WARNING]
    assert expected == [record.levelno for record in caplog.records]
