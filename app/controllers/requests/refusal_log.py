"""Logs rejected requests at a limited rate, so that clients cannot fill the log."""

import logging
from collections.abc import Sequence

from aiohttp import web

from app.framework import Network, client_address
from app.framework.common.minute_log import MinuteLog
from app.ports import Clock
from app.services.authentication_service import client_network

_logger = logging.getLogger(__name__)


class RefusalLog:
    """Logs each reason at most once a minute per `client_network`."""

    def __init__(self, clock: Clock, trusted_proxies: Sequence[Network]) -> None:
        self._refusals = MinuteLog(_log_refusals, clock.call_later)
        self._trusted_proxies = trusted_proxies

    def refused(self, request: web.Request, what: str, reason: str) -> None:
        """Count a rejected request; log each ``reason`` at most once a minute per network."""
        address = client_address(request, self._trusted_proxies)
        self._refusals.count(f"{what} refused: {reason}", client_network(address))


def _log_refusals(what: str, address: str, times: int) -> None:
    _logger.warning("%s (from %s, times: %d)", what, address, times)
