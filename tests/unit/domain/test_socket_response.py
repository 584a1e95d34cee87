from app.domain.socket_response import SocketResponse


def test_response_has_only_data_when_written() -> None:
    """The documented shape; an absent ``error`` is how a client knows."""
    assert {"data": 7} == SocketResponse(data=7).to_wire()
