"""`ConnectionLimiter`: limits how many connections a client network may have at a time."""

from collections import Counter
from collections.abc import Callable, Hashable


class ConnectionLimiter:
    """Counts the connections of each client network.

    Args:
        max_per_network: The maximum number of connections of one network.
        client_network: Returns the network of an address.
    """

    def __init__(self, max_per_network: int, client_network: Callable[[str], str]) -> None:
        self._max_per_network = max_per_network
        self._client_network = client_network
        self._networks: dict[Hashable, str] = {}
        self._counts: Counter[str] = Counter()

    def try_add(self, connection_id: Hashable, address: str) -> bool:
        """Count a connection and return True; return False if the network is at its maximum."""
        network = self._client_network(address)
        if self._counts[network] >= self._max_per_network:
            return False
        self._networks[connection_id] = network
        self._counts[network] += 1
        return True

    def discard(self, connection_id: Hashable) -> None:
        """Stop counting a connection. Further calls for the same connection have no effect."""
        network = self._networks.pop(connection_id, None)
        if network is not None:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]
