"""`Unadmitted`: limits how many connections of one address wait for their admission."""

from collections import Counter
from collections.abc import Callable, Hashable


class Unadmitted:
    """Connections without an admitted socket, counted by the owner of their address.

    Anybody can open such a connection without a token, and keep it open for the connect timeout.
    HTTP connections are counted apart from WebSockets, which were HTTP connections before.

    Args:
        max_per_owner: How many one owner may have at once.
        owner_of: Names the owner of an address.
    """

    def __init__(self, max_per_owner: int, client_network: Callable[[str], str]) -> None:
        self._max_per_owner = max_per_owner
        self._owner_of = client_network
        self._owners: dict[Hashable, str] = {}
        self._counts: Counter[str] = Counter()

    def add(self, connection_id: Hashable, address: str) -> bool:
        """Count a connection, unless its owner has the maximum already: then False."""
        owner = self._owner_of(address)
        if self._counts[owner] >= self._max_per_owner:
            return False
        self._owners[connection_id] = owner
        self._counts[owner] += 1
        return True

    def remove(self, connection_id: Hashable) -> None:
        """Count it no longer: it is admitted, or closed. Repeating it is harmless."""
        owner = self._owners.pop(connection_id, None)
        if owner is not None:
            self._counts[owner] -= 1
            if not self._counts[owner]:
                del self._counts[owner]
