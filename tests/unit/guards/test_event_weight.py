from collections.abc import Sequence
from typing import Any

import pytest

from app.adapters.memory.limits import TokenBuckets
from app.framework import (
    BootError,
    EventRoute,
    Socket,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from app.framework.websockets.enhancers import Enhancers
from app.framework.websockets.explorer import explore
from app.guards.event_weight import check_event_weights, event_weight
from app.guards.ws_throttler_guard import WsThrottlerGuard, limited_as_receipts
from tests.doubles.manual_clock import ManualClock

THROTTLER = WsThrottlerGuard(*(TokenBuckets(1, 1, ManualClock()) for _ in range(2)))


def routes_of(gateway: object) -> Sequence[EventRoute]:
    return explore(gateway, Enhancers(), lambda named, _: named).routes


@pytest.mark.parametrize("weight", [0, -1, 1.5, True, "5", None])
def test_weight_is_refused_when_it_is_not_a_whole_number_of_at_least_one(weight: Any) -> None:
    """The decorator itself raises the error, before the application starts."""
    with pytest.raises(BootError) as caught:
        event_weight(weight)

    sentence = f"@event_weight({weight!r}): a weight is a whole number of at least 1"
    assert sentence == str(caught.value)


def test_weight_is_refused_when_it_stands_on_a_class() -> None:
    """Guards read only the handler's weight, so a weight of the class would have no effect."""

    class _Gateway:
        pass

    with pytest.raises(BootError) as caught:
        event_weight(5)(_Gateway)

    sentence = "_Gateway: @event_weight belongs on a handler; move it to the methods"
    assert sentence == str(caught.value)


def test_weight_is_refused_when_no_throttler_guards_the_handler() -> None:
    """Without a throttler, the weight would have no effect."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("report")
        @event_weight(5)
        def report(self, client: Socket) -> None:
            pass

    with pytest.raises(BootError) as caught:
        check_event_weights(routes_of(_Gateway()))

    sentence = (
        "_Gateway.report: @event_weight has no effect without WsThrottlerGuard; "
        "add it to @use_guards"
    )
    assert sentence == str(caught.value)


def test_weight_is_refused_when_the_handler_takes_receipts() -> None:
    """An event with receipts already has a weight, which is the number of its messages."""

    @web_socket_gateway()
    @use_guards(THROTTLER)
    class _Gateway:
        @subscribe_message("report")
        @limited_as_receipts()
        @event_weight(5)
        def report(self, client: Socket) -> None:
            pass

    with pytest.raises(BootError) as caught:
        check_event_weights(routes_of(_Gateway()))

    sentence = (
        "_Gateway.report: @event_weight has no effect on receipts; "
        "remove it, or @limited_as_receipts"
    )
    assert sentence == str(caught.value)


def test_weight_is_accepted_when_a_throttler_guards_the_handler() -> None:
    """The throttler may decorate the class or the method."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("report")
        @use_guards(THROTTLER)
        @event_weight(5)
        def report(self, client: Socket) -> None:
            pass

        @subscribe_message("ask")
        def ask(self, client: Socket) -> None:
            pass

    check_event_weights(routes_of(_Gateway()))
