from app.framework import Server, Socket
from app.framework.testing import RecordingLink, fake_socket
from app.gateways.drain_notice import DrainNotice


def test_each_socket_gets_its_own_reconnect_delay() -> None:
    """The delays are spread over several seconds, so that clients do not reconnect together."""
    namespace, notice = RecordingLink(), DrainNotice()
    links = [RecordingLink() for _ in range(50)]
    namespace.present.extend(fake_socket(Socket, link=link) for link in links)
    notice.server = Server(namespace)

    notice.send()

    events = [event for link in links for event, _ in link.emitted]
    delays = [args[0]["reconnectAfterMs"] for link in links for _, args in link.emitted]
    assert ["server:draining"] * 50 == events
    assert 500 <= min(delays) < max(delays) - 2_000 <= 3_000
