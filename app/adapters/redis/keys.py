"""Names of all keys and channels in Redis.

All names are bytes, because tokens and ids may contain lone surrogates, which UTF-8 cannot encode.
"""

from app.domain.ids import UserId

_PREFIX = "chatgenius:"
_ADDRESS_CHARS = 64

REVOCATIONS_CHANNEL = b"chatgenius:revocations"


def blacklisted_token(token: str) -> bytes:
    """Return the key of a revoked token. NestJS nodes use the same key, so it has no prefix."""
    return _encoded(f"blacklist:token:{token}")


def revoked_session(session_id: str) -> bytes:
    """Return the key that exists while the session is revoked."""
    return _encoded(f"{_PREFIX}revoked:session:{session_id}")


def revoked_user(user_id: str) -> bytes:
    """Return the key whose value is the latest ``iat`` of the user's revoked tokens."""
    return _encoded(f"{_PREFIX}revoked:user:{user_id}")


def attempts(address: str) -> bytes:
    """Return the key of an address's bucket of attempts; its TTL ends when the bucket is full."""
    return _encoded(f"{_PREFIX}attempts:{address[:_ADDRESS_CHARS]}")


def failures(address: str) -> bytes:
    """Return the key of an address's bucket of failures; its TTL ends when the bucket is full."""
    return _encoded(f"{_PREFIX}failures:{address[:_ADDRESS_CHARS]}")


def failure_counts(address: str) -> bytes:
    """Return the key of a hash with an address's number of failures by reason."""
    return _encoded(f"{_PREFIX}failure-counts:{address[:_ADDRESS_CHARS]}")


def rate_limit(name: str, user_id: str) -> bytes:
    """Return the key of a user's bucket of a rate limit; its TTL ends when the bucket is full."""
    return _encoded(f"{_PREFIX}rate:{name}:{user_id}")


def sockets_of_user(user_id: str) -> bytes:
    """Return the key of a hash with a user's number of sockets by node."""
    return _encoded(f"{_PREFIX}sockets:user:{user_id}")


def node_prefix() -> bytes:
    """Return the prefix of the keys of `node_alive`. A script appends the node's id to it."""
    return _encoded(f"{_PREFIX}sockets:node:")


def node_alive(node_id: str) -> bytes:
    """Return the key that exists while the node is alive."""
    return node_prefix() + _encoded(node_id)


def nodes() -> bytes:
    """Return the key of a set with the ids of the nodes that `presence` may depend on."""
    return _encoded(f"{_PREFIX}sockets:nodes")


def presence() -> bytes:
    """Return the key of a hash with the presence of each user that was published last."""
    return _encoded(f"{_PREFIX}presence")


def presence_sweep() -> bytes:
    """Return the key that exists while a node settles the users of stopped nodes."""
    return _encoded(f"{_PREFIX}presence:sweep")


def user_field(user_id: UserId) -> bytes:
    """Return the user's field in the hash `presence`."""
    return _encoded(user_id)


def user_of_field(field: bytes | str) -> UserId:
    """Return the user whose `user_field` this is."""
    return UserId(field if isinstance(field, str) else field.decode(errors="surrogatepass"))


def webhook(message_id: str) -> bytes:
    """Return the key that exists once the webhook message was processed."""
    return _encoded(f"{_PREFIX}webhook:{message_id}")


def _encoded(key: str) -> bytes:
    return key.encode(errors="surrogatepass")
