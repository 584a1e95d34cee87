"""`Keys`: the names of all keys in Redis, and the name of the channel for revocations.

All names are bytes, because tokens and ids may contain lone surrogates, which UTF-8 cannot encode.
"""

from app.domain.ids import UserId

REVOCATIONS_CHANNEL = b"chatgenius:revocations"

_ADDRESS_CHARS = 64


class Keys:
    """The names of the keys.

    In a Redis Cluster, all names except those of revoked tokens have the same hash tag, and so the
    same slot: a script can use only keys of one slot. A single server keeps the names without a
    tag, because nodes of an earlier version use them.

    Attributes:
        tag: A name in the slot that the names share.
    """

    def __init__(self, *, is_cluster: bool) -> None:
        self._prefix = "{chatgenius}:" if is_cluster else "chatgenius:"
        self.tag = _encoded(self._prefix)

    def blacklisted_token(self, token: str) -> bytes:
        """Return the key of a revoked token. NestJS nodes use the same key, so it has no prefix."""
        return _encoded(f"blacklist:token:{token}")

    def revoked_session(self, session_id: str) -> bytes:
        """Return the key that exists while the session is revoked."""
        return _encoded(f"{self._prefix}revoked:session:{session_id}")

    def revoked_user(self, user_id: str) -> bytes:
        """Return the key whose value is the latest ``iat`` of the user's revoked tokens."""
        return _encoded(f"{self._prefix}revoked:user:{user_id}")

    def attempts(self, address: str) -> bytes:
        """Return the key of an address's bucket of attempts; it expires when the bucket is full."""
        return _encoded(f"{self._prefix}attempts:{address[:_ADDRESS_CHARS]}")

    def failures(self, address: str) -> bytes:
        """Return the key of an address's bucket of failures; it expires when the bucket is full."""
        return _encoded(f"{self._prefix}failures:{address[:_ADDRESS_CHARS]}")

    def failure_counts(self, address: str) -> bytes:
        """Return the key of a hash with an address's number of failures by reason."""
        return _encoded(f"{self._prefix}failure-counts:{address[:_ADDRESS_CHARS]}")

    def rate_limit(self, name: str, user_id: str) -> bytes:
        """Return the key of a user's bucket of a rate limit; it expires when the bucket is full."""
        return _encoded(f"{self._prefix}rate:{name}:{user_id}")

    def sockets_of_user(self, user_id: str) -> bytes:
        """Return the key of a hash with a user's number of sockets by node."""
        return _encoded(f"{self._prefix}sockets:user:{user_id}")

    def node_prefix(self) -> bytes:
        """Return the prefix of the keys of `node_alive`. A script appends the node's id to it."""
        return _encoded(f"{self._prefix}sockets:node:")

    def node_alive(self, node_id: str) -> bytes:
        """Return the key that exists while the node is alive."""
        return self.node_prefix() + _encoded(node_id)

    def nodes(self) -> bytes:
        """Return the key of a set with the ids of the nodes that `presence` may depend on."""
        return _encoded(f"{self._prefix}sockets:nodes")

    def presence(self) -> bytes:
        """Return the key of a hash with the last published presence of each user."""
        return _encoded(f"{self._prefix}presence")

    def presence_sweep(self) -> bytes:
        """Return the key that exists while a node settles the users of stopped nodes."""
        return _encoded(f"{self._prefix}presence:sweep")

    def webhook(self, message_id: str) -> bytes:
        """Return the key that exists once the webhook message was processed."""
        return _encoded(f"{self._prefix}webhook:{message_id}")


def user_field(user_id: UserId) -> bytes:
    """Return the user's field in the hash `Keys.presence`."""
    return _encoded(user_id)


def user_of_field(field: bytes | str) -> UserId:
    """Return the user of a field in the hash `Keys.presence`."""
    return UserId(field if isinstance(field, str) else field.decode(errors="surrogatepass"))


def _encoded(key: str) -> bytes:
    return key.encode(errors="surrogatepass")
