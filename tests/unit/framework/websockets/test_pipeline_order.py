"""Tests the order of guards, pipes and other enhancers (app/framework/websockets/pipeline.py)."""

from typing import Annotated, Any

from app.framework import (
    ConnectedSocket,
    MessageBody,
    Socket,
    WsException,
    subscribe_message,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)
from app.framework.websockets.enhancers import Enhancers
from tests.unit.framework.driving import Driver
from tests.unit.framework.tracing import (
    Trace,
    TracingFilter,
    TracingGuard,
    TracingInterceptor,
    TracingPipe,
    catching,
)


def application(trace: Trace) -> Enhancers:
    return Enhancers(
        guards=(TracingGuard(trace, "global"),),
        interceptors=(TracingInterceptor(trace, "global"),),
        pipes=(TracingPipe(trace, "global"),),
        filters=(TracingFilter(trace, "global"),),
    )


async def test_pipeline_runs_global_then_class_then_method_when_all_have_enhancers() -> None:
    """The order is guards, interceptors, pipes, handler, and then interceptors in reverse."""
    trace: Trace = []

    @web_socket_gateway()
    @use_guards(TracingGuard(trace, "class"))
    @use_interceptors(TracingInterceptor(trace, "class"))
    @use_pipes(TracingPipe(trace, "class"))
    class _Gateway:
        @subscribe_message("event")
        @use_guards(TracingGuard(trace, "method"))
        @use_interceptors(TracingInterceptor(trace, "method"))
        @use_pipes(TracingPipe(trace, "method"))
        def on_event(
            self, body: Annotated[Any, MessageBody(None, TracingPipe(trace, "parameter"))]
        ) -> None:
            del body
            trace.append("handler")

    await Driver(_Gateway(), application(trace)).send("event")

    assert [
        "guard global",
        "guard class",
        "guard method",
        "before global",
        "before class",
        "before method",
        "pipe global body",
        "pipe class body",
        "pipe method body",
        "pipe parameter body",
        "handler",
        "after method",
        "after class",
        "after global",
    ] == trace


async def test_pipeline_runs_left_to_right_when_a_decorator_names_several() -> None:
    trace: Trace = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_guards(TracingGuard(trace, "1"), TracingGuard(trace, "2"))
        @use_interceptors(TracingInterceptor(trace, "1"), TracingInterceptor(trace, "2"))
        def on_event(self) -> None:
            trace.append("handler")

    await Driver(_Gateway()).send("event")

    assert [
        "guard 1",
        "guard 2",
        "before 1",
        "before 2",
        "handler",
        "after 2",
        "after 1",
    ] == trace


async def test_pipeline_runs_lower_decorator_first_when_one_kind_is_stacked() -> None:
    """Python applies the lowest decorator first, and each appends its enhancers, as in Nest."""
    trace: Trace = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_guards(TracingGuard(trace, "upper"))
        @use_guards(TracingGuard(trace, "lower"))
        def on_event(self) -> None: ...

    await Driver(_Gateway()).send("event")

    assert ["guard lower", "guard upper"] == trace


async def test_pipeline_runs_base_class_first_when_both_classes_have_guards() -> None:
    """A subclass inherits the guards of its base class, and runs its own guards after them."""
    trace: Trace = []

    @use_guards(TracingGuard(trace, "base"))
    class _Base:
        pass

    @web_socket_gateway()
    @use_guards(TracingGuard(trace, "sub"))
    class _Gateway(_Base):
        @subscribe_message("event")
        @use_guards(TracingGuard(trace, "method"))
        def on_event(self) -> None: ...

    await Driver(_Gateway()).send("event")

    assert ["guard base", "guard sub", "guard method"] == trace


async def test_pipeline_leaves_the_base_class_alone_when_a_subclass_adds_guards() -> None:
    """A subclass's guards do not run for other subclasses."""
    trace: Trace = []

    @use_guards(TracingGuard(trace, "base"))
    class _Base:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    @use_guards(TracingGuard(trace, "sibling"))
    class _Sibling(_Base):
        pass

    @web_socket_gateway()
    class _Gateway(_Base):
        pass

    await Driver(_Gateway()).send("event")

    assert ["guard base"] == trace
    assert issubclass(_Sibling, _Base)


async def test_pipeline_gives_pipes_every_parameter_but_the_ack_when_they_are_global() -> None:
    """Pipes receive sockets and custom parameters as parameters of the type ``custom``."""
    trace: Trace = []

    @web_socket_gateway()
    @use_pipes(TracingPipe(trace, "class"))
    class _Gateway:
        @subscribe_message("event")
        def on_event(
            self,
            client: Annotated[Socket, ConnectedSocket()],
            body: Annotated[Any, MessageBody()],
        ) -> None:
            del client, body

    await Driver(_Gateway()).send("event")

    assert ["pipe class custom", "pipe class body"] == trace


async def test_filter_of_the_method_is_asked_first_when_several_catch() -> None:
    """Only one filter runs: the method's before the class's, and that before the application's."""
    trace: Trace = []

    @web_socket_gateway()
    @use_filters(TracingFilter(trace, "class"))
    class _Gateway:
        @subscribe_message("method")
        @use_filters(TracingFilter(trace, "method"))
        def on_method(self) -> None:
            raise WsException("no")

        @subscribe_message("class")
        def on_class(self) -> None:
            raise WsException("no")

    driver = Driver(_Gateway(), application(trace))
    await driver.send("method")
    await driver.send("class")

    filters = [line for line in trace if line.startswith("filter")]
    assert ["filter method WsException", "filter class WsException"] == filters


async def test_filter_listed_last_is_asked_first_when_a_decorator_names_several() -> None:
    """As in Nest, ``@UseFilters(T, A)`` passes an error that both would catch to A."""
    trace: Trace = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_filters(catching(TypeError)(trace, "first"), TracingFilter(trace, "last"))
        def on_event(self) -> None:
            raise TypeError

    await Driver(_Gateway()).send("event")

    assert ["filter last TypeError"] == trace


async def test_filter_is_passed_over_when_it_does_not_catch_the_error() -> None:
    """The next outer filter receives the error."""
    trace: Trace = []

    @web_socket_gateway()
    @use_filters(catching(LookupError)(trace, "class"))
    class _Gateway:
        @subscribe_message("event")
        @use_filters(catching(TypeError)(trace, "method"))
        def on_event(self) -> None:
            raise KeyError

    await Driver(_Gateway()).send("event")

    assert ["filter class KeyError"] == trace


async def test_default_answer_is_given_when_no_filter_catches() -> None:
    """Without a matching filter, a `WsException` gets the default answer."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_filters(catching(TypeError)([], "method"))
        def on_event(self) -> None:
            raise WsException("no")

    acked = await Driver(_Gateway()).call("event")

    assert [{"error": "no", "code": "error", "temporary": False}] == acked
