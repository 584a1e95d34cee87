import pytest

from app.framework import Server
from app.framework.testing import RecordingLink


@pytest.mark.parametrize("event", ["connect", "connection"])
def test_listener_for_connections_is_refused_with_the_hook_to_write(event: str) -> None:
    """Node calls such a listener for each new socket."""
    server = Server(RecordingLink())

    for add in (server.on, server.once):
        with pytest.raises(ValueError, match="write handle_connection in the gateway"):
            add(event, print)


async def test_event_of_other_servers_is_refused_when_its_name_is_reserved() -> None:
    server = Server(RecordingLink())

    with pytest.raises(ValueError, match="'connection' is a reserved event name"):
        server.server_side_emit("connection")
    with pytest.raises(ValueError, match="'new_namespace' is a reserved event name"):
        server.on("new_namespace", print)
