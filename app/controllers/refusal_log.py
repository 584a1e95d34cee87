"""Writing down who was refused, without letting strangers fill the log."""

import logging
from collections.abc import Sequence

from aiohttp import web

from app.framework import Network, client_address
from app.ports import Throttle
from app.services.address_owner import owner_of

_logger = logging.getLogger(__name__)


class RefusalLog:
    """A warning per refusal; those of an owner of addresses that has had enough are at debug.

    Args:
        throttle: How many warnings an address may cause.
        trusted_proxies: Whose ``X-Forwarded-For`` tells the address.
    """

    def __init__(self, throttle: Throttle, trusted_proxies: Sequence[Network]) -> None:
        self._throttle = throttle
        self._trusted_proxies = trusted_proxies

    def refused(self, request: web.Request, what: str, reason: str) -> None:
        """Write it down.

        Args:
            request: It came with this one.
            what: Such as ``webhook``.
            reason: In our words: nothing that was sent.
        """
        address = client_address(request, self._trusted_proxies)
        level = logging.DEBUG if self._throttle.take(owner_of(address)) else logging.WARNING
        _logger.log(level, "%s from %s refused: %s", what, address, reason)
