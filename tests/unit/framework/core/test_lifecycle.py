"""Tests that lifecycle hooks run in the order described in ``app/framework/core/lifecycle.py``."""

import asyncio
import signal

import pytest
from dependency_injector import containers, providers
from structlog.testing import capture_logs
from yarl import URL

from app.framework import (
    BootError,
    IoAdapter,
    IoOptions,
    NestFactory,
    Server,
    WebSocketServer,
    imported,
    web_socket_gateway,
)
from tests.deadlines import ANSWER_SECONDS
from tests.unit.framework.assembling import application
from tests.unit.framework.tracing import Trace


class _Hooked:
    """A provider with every hook, plain or async, which records each call."""

    name = "base"

    def __init__(self, trace: Trace, *needs: object) -> None:
        self._trace = trace
        self.needs = needs

    async def on_module_init(self) -> None:
        self._trace.append(f"{self.name} init")

    def on_application_bootstrap(self) -> None:
        self._trace.append(f"{self.name} bootstrap")

    async def on_module_destroy(self) -> None:
        self._trace.append(f"{self.name} destroy")

    async def before_application_shutdown(self, signal_name: str | None) -> None:
        self._trace.append(f"{self.name} before {signal_name}")

    def on_application_shutdown(self, signal_name: str | None) -> None:
        self._trace.append(f"{self.name} shutdown {signal_name}")


class _First(_Hooked):
    name = "first"


class _Second(_Hooked):
    name = "second"


class _Third(_Hooked):
    name = "third"


async def test_hooks_run_in_order_of_dependency_when_the_application_starts() -> None:
    """In each phase, a provider's hook runs after the hooks of its dependencies."""
    trace: Trace = []
    first = providers.Singleton(_First, trace)
    second = providers.Singleton(_Second, trace, first)

    app = application(providers.Singleton(_Third, trace, second), second, first)
    await app.init()

    assert [
        "first init",
        "second init",
        "third init",
        "first bootstrap",
        "second bootstrap",
        "third bootstrap",
    ] == trace


async def test_hooks_run_in_reverse_when_the_application_closes() -> None:
    """A provider stops before its dependencies. Its hooks receive the name of the signal."""
    trace: Trace = []
    first = providers.Singleton(_First, trace)
    app = application(providers.Singleton(_Second, trace, first), first)
    await app.init()
    trace.clear()

    await app.close(signal.SIGTERM)

    assert [
        "second destroy",
        "first destroy",
        "second before SIGTERM",
        "first before SIGTERM",
        "second shutdown SIGTERM",
        "first shutdown SIGTERM",
    ] == trace


async def test_hooks_follow_dependencies_across_modules_when_one_imports_another() -> None:
    """An imported provider starts before the importing module, and stops after it."""
    trace: Trace = []
    the_trace = providers.Callable(lambda: trace)  # A container copies a plain list.

    class _Importing(containers.DeclarativeContainer):
        first = imported(_First)
        second = providers.Singleton(_Second, the_trace, first)

    class _Root(containers.DeclarativeContainer):
        first = providers.Singleton(_First, the_trace)
        importing = providers.Container(_Importing, first=first)

    app = NestFactory.create(_Root(), IoAdapter(IoOptions()))
    await app.init()
    await app.close()

    assert ["first init", "second init"] == [line for line in trace if line.endswith("init")]
    assert ["second destroy", "first destroy"] == [
        line for line in trace if line.endswith("destroy")
    ]


async def test_init_runs_once_when_it_is_called_again() -> None:
    """`listen` also calls `init`, so a second call must do nothing."""
    trace: Trace = []
    app = application(providers.Singleton(_First, trace))

    await app.init()
    await app.init()

    assert ["first init", "first bootstrap"] == trace


async def test_start_stops_at_the_first_error_when_a_hook_raises() -> None:
    """Providers that depend on the failed one do not start, but every closing hook still runs."""
    trace: Trace = []

    class _Broken(_First):
        async def on_module_init(self) -> None:
            raise OSError

    first = providers.Singleton(_Broken, trace)
    app = application(first, providers.Singleton(_Second, trace, first))

    with pytest.raises(OSError):  # noqa: PT011 - the very error, unwrapped
        await app.init()
    await app.close()

    assert "second init" not in trace
    assert ["second destroy", "first destroy"] == trace[:2]


async def test_closing_goes_on_and_logs_when_a_hook_raises() -> None:
    trace: Trace = []

    class _Broken(_Second):
        async def on_module_destroy(self) -> None:
            raise OSError

        def on_application_shutdown(self, signal_name: str | None) -> None:
            raise ValueError(signal_name)

    first = providers.Singleton(_First, trace)
    app = application(first, providers.Singleton(_Broken, trace, first))
    await app.init()
    trace.clear()

    with capture_logs() as logs:
        await app.close()

    assert [
        "first destroy",
        "second before None",
        "first before None",
        "first shutdown None",
    ] == trace
    assert [
        ("on_module_destroy", "_Broken"),
        ("on_application_shutdown", "_Broken"),
    ] == [(each["hook"], each["provider"]) for each in logs if "hook" in each]


async def test_closing_hooks_run_when_the_application_never_started() -> None:
    """As in Nest, closing an application that was only created runs the closing hooks."""
    trace: Trace = []

    app = application(providers.Singleton(_First, trace))
    await app.close()

    assert ["first destroy", "first before None", "first shutdown None"] == trace
    await app.close()
    assert 6 == len(trace)


async def test_init_is_refused_when_it_failed_before_or_the_application_is_closed() -> None:
    """`listen` calls `init`, and must not serve an application whose hooks are incomplete."""
    trace: Trace = []

    async def fail() -> None:
        raise OSError

    failed = application(providers.Singleton(_First, trace), providers.Singleton(fail))
    with pytest.raises(OSError):  # noqa: PT011 - the very error, unwrapped
        await failed.init()
    never_started = application()
    await never_started.close()
    closed = application()
    await closed.init()
    await closed.close()

    for app in (failed, never_started, closed):
        with pytest.raises(BootError) as caught:
            await app.listen(0)
        assert "init cannot run after it failed or after close; create a new application" == str(
            caught.value
        )
    assert [] == trace


async def test_init_and_close_wait_when_init_is_running() -> None:
    """`close` closes all instances, including those that `init` was still building."""
    trace: Trace = []
    reached, opened = asyncio.Event(), asyncio.Event()

    async def connect() -> _Second:
        reached.set()
        await opened.wait()
        return _Second(trace)

    app = application(providers.Singleton(_First, trace), providers.Singleton(connect))
    calls = [asyncio.create_task(call) for call in (app.init(), app.init(), app.close())]
    await reached.wait()
    assert [] == trace
    opened.set()
    await asyncio.gather(*calls)

    assert [
        "first init",
        "second init",
        "first bootstrap",
        "second bootstrap",
        "second destroy",
        "first destroy",
    ] == trace[:6]


async def test_close_is_refused_when_a_start_hook_awaits_it() -> None:
    """The hook would wait for `close`, and `close` for the hook."""

    class _Closing:
        async def on_module_init(self) -> None:
            await app.close()

    app = application(providers.Singleton(_Closing))
    with pytest.raises(BootError) as caught:
        async with asyncio.timeout(ANSWER_SECONDS):
            await app.init()

    assert "close was called while init runs its hooks; raise an error instead" == str(caught.value)
    await app.close()


async def test_hooks_run_once_when_close_is_called_while_it_runs() -> None:
    """A signal may arrive while a test closes the application; as in Nest, both calls wait."""
    trace: Trace = []
    app = application(providers.Singleton(_First, trace))
    await app.listen(0)
    trace.clear()

    await asyncio.gather(app.close(), app.close(signal.SIGTERM))

    assert ["first destroy", "first before None", "first shutdown None"] == trace


async def test_port_is_closed_when_close_is_called_while_listen_opens_it() -> None:
    app = application()
    await app.init()
    listening = asyncio.create_task(app.listen(0))
    await asyncio.sleep(0)
    await app.close()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", URL(await listening).port)


async def test_listen_is_refused_when_close_is_called_while_it_runs_the_start_hooks() -> None:
    class _Slow:
        async def on_module_init(self) -> None:
            await asyncio.sleep(0)

    app = application(providers.Singleton(_Slow))
    listening = asyncio.create_task(app.listen(0))
    await asyncio.sleep(0)
    await app.close()

    with pytest.raises(BootError, match="close was called before listen had opened the port"):
        await listening


async def test_close_runs_again_when_an_earlier_call_was_cancelled() -> None:
    """The second call was waiting for the first one."""
    began = asyncio.Event()
    closed: list[str] = []

    class _Slow:
        async def on_module_destroy(self) -> None:
            if not began.is_set():
                began.set()
                await asyncio.Event().wait()

        def on_application_shutdown(self) -> None:
            closed.append("slow")

    app = application(providers.Singleton(_Slow))
    await app.init()
    first = asyncio.create_task(app.close())
    await began.wait()
    second = asyncio.create_task(app.close())
    await asyncio.sleep(0)
    first.cancel()
    await second

    assert first.cancelled()
    assert ["slow"] == closed


async def test_close_is_refused_when_a_closing_hook_awaits_it() -> None:
    """The hook and `close` would wait for each other."""
    refused: list[str] = []

    class _Closing:
        async def on_module_destroy(self) -> None:
            with pytest.raises(BootError) as caught:
                await app.close()
            refused.append(str(caught.value))

    app = application(providers.Singleton(_Closing))
    await app.init()
    await app.close()

    assert ["close was called by a hook that close runs; remove the call"] == refused


async def test_close_raises_nothing_when_a_provider_cannot_be_built() -> None:
    """The other providers are closed; `init` reports the error."""
    trace: Trace = []

    def fail() -> None:
        raise OSError

    await application(providers.Singleton(_First, trace), providers.Singleton(fail)).close()

    assert "first destroy" in trace


async def test_gateway_has_its_server_when_its_hooks_run() -> None:
    """The server is set before `after_init`, which runs before every `on_module_init`."""
    trace: list[object] = []

    @web_socket_gateway()
    class _Gateway:
        server = WebSocketServer()

        def after_init(self, server: Server) -> None:
            trace.append(("after_init", type(server), type(self.server)))

        async def on_module_init(self) -> None:
            trace.append("on_module_init")

    await application(providers.Singleton(_First, trace), providers.Singleton(_Gateway)).init()

    assert ("after_init", Server, Server) == trace[0]
    assert "on_module_init" in trace[1:]
