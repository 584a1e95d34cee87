"""Tests of requests to other nodes (app/framework/redis_adapter/requests.py)."""

import pytest

from app.framework import AckTimeoutError
from app.framework.redis_adapter.requests import Requests


async def test_asking_fails_at_once_when_the_request_cannot_be_sent() -> None:
    with pytest.raises(ConnectionError):
        await Requests().ask(1, 1_000, lambda _: False)


async def test_error_names_neither_clients_nor_nodes_when_an_answer_is_late() -> None:
    """Nodes or clients may be late."""
    with pytest.raises(AckTimeoutError, match="not all answers have arrived in time; 0 have"):
        await Requests().ask(1, 0, lambda _: True)
