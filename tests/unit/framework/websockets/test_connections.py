import asyncio
from typing import Any

import pytest

from app.framework import (
    CanActivate,
    ExecutionContext,
    Socket,
    WsException,
    WsUnavailable,
    subscribe_message,
    use_filters,
    use_guards,
    web_socket_gateway,
)
from app.framework.testing import RecordingLink, fake_socket
from app.framework.websockets.connections import compile_connect
from tests.unit.framework.driving import Driver


class Verdict(CanActivate):
    """A guard that refuses with an error, or accepts."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def can_activate(self, _: ExecutionContext) -> bool:
        if self._error is not None:
            raise self._error
        return True


class Recorder:
    """A filter that records the errors it handles, with the gateway of the context."""

    def __init__(self) -> None:
        self.caught: list[tuple[str, str]] = []

    def catch(self, exception: Exception, host: Any) -> None:
        self.caught.append((str(exception), host.get_class().__name__))


def gateway(name: str, log: list[str], recorder: Recorder, *guards: CanActivate) -> object:
    """Create a gateway with one event and a hook that writes its name into the log."""

    class _Gateway:
        @subscribe_message(name)
        def on_event(self) -> None:
            """Do nothing. A gateway without events does not decide about connections."""

        async def handle_connection(self, client: Socket) -> None:
            await asyncio.sleep(0)
            log.append(f"{name} {client.id}")

    _Gateway.__name__ = name
    decorated: Any = web_socket_gateway()(use_filters(recorder)(_Gateway))
    return (use_guards(*guards)(decorated) if guards else decorated)()


async def connect(*gateways: object) -> bool:
    definitions = [Driver(each).definition for each in gateways]
    handler = compile_connect(definitions, 10.0)
    assert handler is not None
    return await handler(fake_socket(Socket, link=RecordingLink()))


async def test_guard_of_one_gateway_refuses_no_clients_of_another_gateway() -> None:
    """The hook of the guarded gateway does not run, and its guard also rejects its events."""
    log: list[str] = []
    recorder = Recorder()
    guarded = gateway("guarded", log, recorder, Verdict(WsException("no")))

    admitted = await connect(guarded, gateway("open", log, recorder))

    assert (True, ["open socket-1"], []) == (admitted, log, recorder.caught)


async def test_socket_is_refused_with_the_first_error_when_all_gateways_refuse() -> None:
    """The filters of the gateway that refused first handle the error."""
    log: list[str] = []
    recorder = Recorder()
    one = gateway("one", log, recorder, Verdict(WsException("first")))
    two = gateway("two", log, recorder, Verdict(WsException("second")))

    admitted = await connect(one, two)

    assert (False, [], [("first", "one")]) == (admitted, log, recorder.caught)


@pytest.mark.parametrize("error", [ArithmeticError("broken"), WsUnavailable("broken")])
async def test_socket_is_refused_when_a_guard_is_broken_and_another_gateway_is_open(
    error: Exception,
) -> None:
    """An admitted client would stay connected without the hook of the broken gateway."""
    log: list[str] = []
    recorder = Recorder()
    broken = gateway("broken", log, recorder, Verdict(), Verdict(error))

    admitted = await connect(gateway("open", log, recorder), broken)

    assert (False, [], [("broken", "broken")]) == (admitted, log, recorder.caught)


async def test_socket_is_refused_when_only_a_gateway_without_events_has_no_guards() -> None:
    """A gateway without events only publishes, so it does not open the namespace to everybody."""

    @web_socket_gateway()
    class _Publisher:
        pass

    recorder = Recorder()
    guarded = gateway("guarded", [], recorder, Verdict(WsException("no")))

    assert not await connect(_Publisher(), guarded)


async def test_hooks_see_the_context_of_their_own_gateway_when_there_are_several() -> None:
    """An error of a hook goes to the filters of its gateway."""
    recorder = Recorder()

    @web_socket_gateway()
    @use_filters(recorder)
    class _Failing:
        def handle_connection(self) -> None:
            raise WsException("full")

    admitted = await connect(_Failing(), gateway("open", [], Recorder(), Verdict()))

    assert (False, [("full", "_Failing")]) == (admitted, recorder.caught)
