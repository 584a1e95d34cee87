import pytest

from app.adapters.memory.limits import TokenBuckets
from app.framework import WsTooManyRequests
from app.framework.testing import fake_connection, fake_context, fake_socket
from app.guards.event_weight import event_weight
from app.guards.ws_throttler_guard import WsThrottlerGuard, limited_as_receipts
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.doubles.manual_clock import ManualClock
from tests.unit.sessions import session_of

RATE = 2
BURST = 3
RECEIPTS = 10
RECEIPTS_BURST = 150


def socket_of(user_id: str) -> AuthenticatedSocket:
    client = fake_socket(AuthenticatedSocket)
    client.authenticate(session_of(user_id, client))
    return client


def make_guard(clock: ManualClock) -> WsThrottlerGuard:
    """Return a guard with small buckets for events and receipts."""
    return WsThrottlerGuard(
        TokenBuckets(RATE, BURST, clock), TokenBuckets(RECEIPTS, RECEIPTS_BURST, clock)
    )


@limited_as_receipts()
def take_receipts() -> None:
    """Handle receipts."""


def test_throttler_lets_a_burst_pass_and_then_tells_the_wait_when_it_is_spent() -> None:
    """After ``retryAfterMs`` the next event is accepted."""
    clock = ManualClock()
    guard = make_guard(clock)
    context = fake_context(socket_of("user_alice"))

    for _ in range(BURST):
        assert guard.can_activate(context)
    with pytest.raises(WsTooManyRequests) as caught:
        guard.can_activate(context)

    assert {"retryAfterMs": 500} == caught.value.details
    clock.advance(0.5)
    assert guard.can_activate(context)


def test_throttler_counts_a_user_once_when_several_sockets_send() -> None:
    """All sockets of a user share one bucket, which other users do not use."""
    guard = make_guard(ManualClock())
    for _ in range(BURST):
        guard.can_activate(fake_context(socket_of("user_alice")))

    with pytest.raises(WsTooManyRequests):
        guard.can_activate(fake_context(socket_of("user_alice")))
    assert guard.can_activate(fake_context(socket_of("user_bob")))


def test_throttler_takes_more_when_the_event_has_a_weight() -> None:
    """When one token is left, an event of weight 2 is rejected, but one of weight 1 is accepted."""

    @event_weight(2)
    def handler() -> None:
        pass

    guard = make_guard(ManualClock())
    client = socket_of("user_alice")
    heavy = fake_context(client, handler=handler)

    assert guard.can_activate(heavy)
    with pytest.raises(WsTooManyRequests) as caught:
        guard.can_activate(heavy)
    assert {"retryAfterMs": 500} == caught.value.details
    assert guard.can_activate(fake_context(client))


def test_throttler_is_free_when_a_socket_connects() -> None:
    """Connecting is limited per address, by `AuthenticationService`."""
    guard = make_guard(ManualClock())

    for _ in range(BURST + 1):
        assert guard.can_activate(fake_connection(fake_socket(AuthenticatedSocket)))


def test_throttler_is_not_fooled_when_an_event_has_the_connections_name() -> None:
    """An event named ``handleConnection`` is counted like any other event."""
    guard = make_guard(ManualClock())
    context = fake_context(socket_of("user_alice"), pattern="handleConnection")
    for _ in range(BURST):
        guard.can_activate(context)

    with pytest.raises(WsTooManyRequests):
        guard.can_activate(context)


def test_throttler_takes_nothing_of_the_events_when_receipts_come() -> None:
    """Receipts have a bucket of their own."""
    guard = make_guard(ManualClock())
    alice = socket_of("user_alice")

    for _ in range(RECEIPTS_BURST):
        guard.can_activate(fake_context(alice, {"messageId": "m"}, handler=take_receipts))
    with pytest.raises(WsTooManyRequests):
        guard.can_activate(fake_context(alice, {"messageId": "m"}, handler=take_receipts))

    for _ in range(BURST):
        assert guard.can_activate(fake_context(alice))


@pytest.mark.parametrize(
    ("data", "cost"),
    [
        ({"messageId": "m"}, 1),
        ({"messageIds": ["m"] * 60}, 60),
        ({"messageIds": ["m"] * 60_000}, 100),
        ({"messageIds": []}, 1),
        ({"messageIds": "m" * 60}, 1),
        (["m"] * 60, 1),
        (None, 1),
    ],
    ids=["one", "list", "too long", "empty", "text", "several arguments", "nothing"],
)
def test_throttler_counts_a_list_by_its_messages_when_receipts_come(
    data: object, cost: int
) -> None:
    """Each message in the list costs one token. A payload without a list costs one token."""
    clock = ManualClock()
    guard = make_guard(clock)
    alice = socket_of("user_alice")
    guard.can_activate(fake_context(alice, data, handler=take_receipts))

    left = RECEIPTS_BURST - cost
    for _ in range(left):
        guard.can_activate(fake_context(alice, {"messageId": "m"}, handler=take_receipts))

    with pytest.raises(WsTooManyRequests) as caught:
        guard.can_activate(fake_context(alice, {"messageId": "m"}, handler=take_receipts))
    assert {"retryAfterMs": 100} == caught.value.details
