import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress

import pytest

from app.adapters.system.shared_port import SharedPort
from tests.free_port import free_port

CONNECTIONS = 60
"""A number so high that each of two sockets almost certainly gets a connection."""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def shared(port: int) -> Iterator[SharedPort]:
    shared = SharedPort("127.0.0.1", port)
    yield shared
    shared.close()


def listen(port: int, option: int) -> None:
    """Listen on the port with this socket option, as another program would."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, option, 1)
        other.bind(("127.0.0.1", port))
        other.listen()


def accepted(listener: socket.socket) -> int:
    """Accept all waiting connections, and return their number."""
    listener.settimeout(0)
    count = 0
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def opened(shared: SharedPort, stack: ExitStack) -> Sequence[socket.socket]:
    return [stack.enter_context(each) for each in shared.open()]


def test_connections_are_distributed_when_several_sockets_listen(
    shared: SharedPort, port: int
) -> None:
    with ExitStack() as stack:
        (first,), (second,) = opened(shared, stack), opened(shared, stack)
        first.listen()
        second.listen()
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))

        counts = accepted(first), accepted(second)

    assert CONNECTIONS == sum(counts)
    assert min(counts) > 0


def test_connections_are_refused_while_no_socket_listens(shared: SharedPort, port: int) -> None:
    """The socket that reserves the port gets no connections: no process would accept them."""
    with ExitStack() as stack:
        opened(shared, stack)

        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("listens", [False, True])
def test_other_programs_are_refused_while_the_port_is_reserved(
    shared: SharedPort, port: int, *, listens: bool
) -> None:
    """The port is also reserved before the first worker listens, and after the last one died."""
    with ExitStack() as stack:
        if listens:
            opened(shared, stack)[0].listen()

        with pytest.raises(OSError) as single:  # noqa: PT011 - the number is checked
            listen(port, socket.SO_REUSEADDR)
        with pytest.raises(OSError) as several:  # noqa: PT011 - the number is checked
            SharedPort("127.0.0.1", port)

    assert [errno.EADDRINUSE] * 2 == [single.value.errno, several.value.errno]


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
def test_port_is_refused_when_another_program_listens(port: int, option: int) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, option, 1)
        other.bind(("127.0.0.1", port))
        other.listen()

        with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is checked
            SharedPort("127.0.0.1", port)

    assert errno.EADDRINUSE == caught.value.errno


def test_port_is_free_again_when_it_was_closed(port: int) -> None:
    """A connection in TIME_WAIT does not keep the port in use."""
    shared = SharedPort("127.0.0.1", port)
    with ExitStack() as stack:
        (listener,) = opened(shared, stack)
        listener.listen()
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        listener.accept()[0].close()
        assert b"" == client.recv(1)
    shared.close()

    SharedPort("127.0.0.1", port).close()
    listen(port, socket.SO_REUSEADDR)


def test_every_address_is_opened_when_the_host_is_any(port: int) -> None:
    """``::`` stands for IPv4 and IPv6, as in `NestApplication.listen`."""
    shared = SharedPort("::", port)
    with ExitStack() as stack:
        listeners = opened(shared, stack)
        for each in listeners:
            each.listen()

        stack.enter_context(socket.create_connection(("127.0.0.1", port)))

        assert 1 == sum(map(accepted, listeners))
    shared.close()
