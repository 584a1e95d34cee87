from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from app.framework import BootError, ExecutionContext, Socket
from app.framework.testing import (
    ManualClock,
    activate,
    fake_connection,
    fake_context,
    fake_socket,
)
from app.framework.throttler import (
    BaseThrottlerGuard,
    HandlerLimit,
    ThrottlerException,
    ThrottlerGuard,
    ThrottlerOptions,
    ThrottlerStorage,
    skip_throttle,
    throttle,
)
from app.framework.throttler.guard import network_of

SHORT = ThrottlerOptions(ttl=1_000, limit=2)
LONG = ThrottlerOptions(ttl=60_000, limit=3, name="long", block_duration=0)


class _Gateway:
    def plain(self) -> None: ...

    def other(self) -> None: ...

    @throttle({"default": {"limit": 1, "ttl": 5_000}})
    def strict(self) -> None: ...

    @skip_throttle()
    def free(self) -> None: ...


@skip_throttle({"default": True, "long": True})
@throttle({"default": {"limit": 1}})
class _Class:
    def free(self) -> None: ...

    @skip_throttle({"default": False})
    def counted(self) -> None: ...


@throttle({"default": {"limit": 1}})
class _Limited:
    @throttle({"default": {"ttl": 5_000}})
    def longer(self) -> None: ...

    @throttle({"long": {"limit": 2}})
    @throttle({"default": {"limit": 3}})
    def stacked(self) -> None: ...


class _Inherited:
    def move(self) -> None: ...


@skip_throttle()
class _FreeHeir(_Inherited): ...


class _AskingGuard(BaseThrottlerGuard):
    """Has two limits. The first one is asynchronous, and always returns these seconds to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.counted: list[int] = []

    def limits_of(self, cls: type, handler: Callable[..., Any]) -> tuple[HandlerLimit, ...]:
        del cls, handler

        async def ask(_key: str, _cost: int) -> float:
            return self._seconds

        def count(_key: str, cost: int) -> float:
            self.counted.append(cost)
            return 0.0

        return HandlerLimit(ask), HandlerLimit(count, cost_of=lambda _: 7)


class _CountedHeir(_Inherited): ...


def make_guard(
    *throttlers: ThrottlerOptions, get_tracker: Callable[[Any], str] | None = None
) -> ThrottlerGuard:
    return ThrottlerGuard(throttlers, ThrottlerStorage(ManualClock()), get_tracker)


def calls(
    guard: ThrottlerGuard, handler: Any, count: int, address: str = "10.0.0.1", cls: type = _Gateway
) -> Iterable[int | str]:
    """Call a handler, and yield 0 or the milliseconds to wait for each call."""
    client = fake_socket(Socket, address=address)
    for _ in range(count):
        try:
            guard.can_activate(fake_context(client, handler=handler, gateway=cls))
        except ThrottlerException as error:
            yield int(str(error.details["retryAfterMs"]))
        else:
            yield 0


def test_each_client_and_each_handler_has_its_own_limit() -> None:
    guard = make_guard(SHORT)

    assert [0, 0, 1_000] == [*calls(guard, _Gateway.plain, 3)]
    assert [0, 0, 1_000] == [*calls(guard, _Gateway.other, 3)]
    assert [0, 0, 1_000] == [*calls(guard, _Gateway.plain, 3, address="10.0.0.2")]


def test_clients_of_one_ipv6_network_share_a_limit() -> None:
    guard = make_guard(SHORT)

    assert [0, 0] == [*calls(guard, _Gateway.plain, 2, address="2001:db8::1")]
    assert [1_000] == [*calls(guard, _Gateway.plain, 1, address="2001:db8::2")]
    assert [0] == [*calls(guard, _Gateway.plain, 1, address="2001:db8:0:1::1")]


def test_tracker_may_be_something_else_than_the_address() -> None:
    guard = make_guard(SHORT, get_tracker=lambda client: client.id)

    assert [0, 0, 1_000] == [*calls(guard, _Gateway.plain, 3)]
    assert [1_000] == [*calls(guard, _Gateway.plain, 1, address="10.0.0.2")]


def test_handler_may_have_other_limits_or_none() -> None:
    guard = make_guard(SHORT)

    assert [0, 5_000] == [*calls(guard, _Gateway.strict, 2)]
    assert [0] * 5 == [*calls(guard, _Gateway.free, 5)]


def test_decorator_of_the_handler_precedes_that_of_the_class() -> None:
    guard = make_guard(SHORT, LONG)

    assert [0] * 5 == [*calls(guard, _Class.free, 5, cls=_Class)]
    assert [0, 1_000] == [*calls(guard, _Class.counted, 2, cls=_Class)]


def test_classes_that_inherit_one_handler_have_limits_of_their_own() -> None:
    guard = make_guard(SHORT)

    assert [0] * 3 == [*calls(guard, _Inherited.move, 3, cls=_FreeHeir)]
    assert [0, 0, 1_000] == [*calls(guard, _Inherited.move, 3, cls=_CountedHeir)]
    assert [0, 0, 1_000] == [*calls(guard, _Inherited.move, 3, cls=_Inherited)]


def test_classes_of_one_name_in_two_modules_have_limits_of_their_own() -> None:
    guard = make_guard(SHORT)
    namesake = type("_Gateway", (_Gateway,), {"__module__": "elsewhere"})

    assert [0, 0, 1_000] == [*calls(guard, _Gateway.plain, 3)]
    assert [0, 0, 1_000] == [*calls(guard, _Gateway.plain, 3, cls=namesake)]


def test_every_throttler_counts() -> None:
    guard = make_guard(ThrottlerOptions(ttl=1_000, limit=5), LONG)

    assert [0, 0, 0, 60_000] == [*calls(guard, _Gateway.plain, 4)]
    assert [0] * 3 == [*calls(guard, _Gateway.free, 3)]
    assert [60_000] == [*calls(guard, _Gateway.free, 1)]


async def test_guard_counts_further_limits_when_an_asynchronous_limit_accepts_the_call() -> None:
    guard = _AskingGuard(0.0)

    assert await activate(guard, fake_context(fake_socket(Socket), handler=_Gateway.plain))
    assert [7] == guard.counted


async def test_guard_refuses_the_call_when_an_asynchronous_limit_refuses_it() -> None:
    """The further limits do not count a refused call."""
    guard = _AskingGuard(0.25)

    with pytest.raises(ThrottlerException) as caught:
        await activate(guard, fake_context(fake_socket(Socket), handler=_Gateway.plain))

    assert {"retryAfterMs": 250} == caught.value.details
    assert [] == guard.counted


def test_throttler_does_not_count_calls_that_it_skips() -> None:
    skipping = ThrottlerOptions(
        ttl=1_000, limit=1, skip_if=lambda context: context.get_client().id == "socket-1"
    )
    guard = make_guard(skipping)
    other = fake_socket(Socket, socket_id="socket-2")

    assert [0, 0] == [*calls(guard, _Gateway.plain, 2)]
    assert guard.can_activate(fake_context(other, handler=_Gateway.plain))
    with pytest.raises(ThrottlerException):
        guard.can_activate(fake_context(other, handler=_Gateway.plain))


def test_connecting_is_not_limited() -> None:
    guard = make_guard(ThrottlerOptions(ttl=1_000, limit=0))

    assert guard.can_activate(fake_connection(fake_socket(Socket)))


def test_client_receives_a_stable_code_and_the_time_to_wait() -> None:
    assert {
        "error": "ThrottlerException: Too Many Requests",
        "code": "rate_limited",
        "temporary": True,
        "retryAfterMs": 250,
    } == ThrottlerException(250).to_ack()


class _ByName(ThrottlerGuard):
    def get_tracker(self, caller: Socket) -> str:
        return str(caller.handshake.auth["name"])

    def should_skip(self, context: ExecutionContext) -> bool:
        return bool(context.get_client().handshake.auth["name"] == "admin")


def calls_of(guard: ThrottlerGuard, *names: str) -> Iterable[str]:
    """Call a handler once for each client, and yield the names of the clients that were refused."""
    for name in names:
        client = fake_socket(Socket, auth={"name": name})
        try:
            guard.can_activate(fake_context(client, handler=_Gateway.plain))
        except ThrottlerException:
            yield name


def test_subclass_may_override_get_tracker_and_should_skip() -> None:
    """Nest's ``getTracker`` and ``shouldSkip``."""
    guard = _ByName((SHORT,), ThrottlerStorage(ManualClock()), None)

    assert ["ann"] == [*calls_of(guard, "ann", "bob", "ann", "ann", "bob")]
    assert [] == [*calls_of(guard, "admin", "admin", "admin")]


def test_the_get_tracker_of_the_module_takes_precedence_over_the_method() -> None:
    """As in Nest (``commonOptions.getTracker ??= this.getTracker``)."""
    guard = _ByName((SHORT,), ThrottlerStorage(ManualClock()), lambda _: "everybody")

    assert ["ann"] == [*calls_of(guard, "ann", "bob", "ann")]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("getTracker", "name it get_tracker"),
        ("shouldSkip", "name it should_skip"),
        ("throwThrottlingException", "name it throw_throttling_exception"),
        ("handle_request", "derive from BaseThrottlerGuard and override limits_of"),
        ("handleRequest", "derive from BaseThrottlerGuard and override limits_of"),
        ("generate_key", "override limits_of"),
        ("getErrorMessage", "override throw_throttling_exception"),
        (
            "get_request_response",
            "override get_tracker, which receives the socket or the request",
        ),
    ],
)
def test_boot_fails_when_a_subclass_has_a_method_that_never_runs(name: str, remedy: str) -> None:
    cls = type("MyGuard", (ThrottlerGuard,), {name: lambda *_: "x"})

    with pytest.raises(BootError) as caught:
        cls((SHORT,), ThrottlerStorage(ManualClock()), None)

    assert f"MyGuard.{name} never runs; {remedy}" == str(caught.value)


@pytest.mark.parametrize("name", ["get_tracker", "should_skip", "throw_throttling_exception"])
def test_boot_fails_when_a_method_of_a_subclass_is_async(name: str) -> None:
    """These methods are async in Nest. A coroutine that nothing awaits would disable the limit."""

    async def later(*_: object) -> bool:
        return True

    later.__qualname__ = f"MyGuard.{name}"
    cls = type("MyGuard", (ThrottlerGuard,), {name: later})

    with pytest.raises(BootError) as caught:
        cls((SHORT,), ThrottlerStorage(ManualClock()), None)

    assert f"MyGuard.{name} is called by MyGuard, so it must not be async" == str(caught.value)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_network_of_an_address(address: str, network: str) -> None:
    assert network == network_of(address)


def test_options_of_a_class_apply_when_the_handler_does_not_set_them() -> None:
    """As in Nest, ``ttl`` of the handler replaces only ``ttl``, not ``limit`` of the class."""
    guard = make_guard(SHORT)

    assert [0, 5_000] == [*calls(guard, _Limited.longer, 2, cls=_Limited)]


def test_all_decorators_count_when_a_handler_has_several() -> None:
    guard = make_guard(SHORT, LONG)

    assert [3, 2] == [
        limit.take.args[0].limit
        for limit in guard.limits_of(_Limited, _Limited.stacked)
        if isinstance(limit.take, partial)
    ]
