import pytest

from app.framework import Server, Socket
from app.framework.testing import RecordingLink, fake_socket
from app.gateways.drain_notice import DrainNotice


@pytest.mark.parametrize(
    ("signal", "notified"), [("SIGTERM", True), ("SIGHUP", True), ("SIGINT", False), (None, False)]
)
async def test_sockets_are_told_when_the_server_was_told_to_end(
    signal: str | None, *, notified: bool
) -> None:
    """Each socket gets a reconnect delay of its own. After Ctrl-C, no socket is notified."""
    namespace, notice = RecordingLink(), DrainNotice()
    links = [RecordingLink() for _ in range(20)]
    namespace.present.extend(fake_socket(Socket, link=link) for link in links)
    notice.server = Server(namespace)

    await notice.before_application_shutdown(signal)

    events = [event for link in links for event, _ in link.emitted]
    delays = {args[0]["reconnectAfterMs"] for link in links for _, args in link.emitted}
    assert ["server:draining"] * (20 * notified) == events
    assert (len(delays) > 1) == notified
    assert all(500 <= each <= 5_000 for each in delays)
