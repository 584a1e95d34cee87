"""Every name used in Redis.

Bytes, as a token or an id may hold what UTF-8 has no spelling for.
"""

_OURS = "chatgenius:"
_ADDRESS_CHARS = 64

REVOCATIONS_CHANNEL = b"chatgenius:revocations"


def blacklisted_token(token: str) -> bytes:
    """The documented key, which NestJS nodes read and write, too: no prefix of ours."""
    return _encoded(f"blacklist:token:{token}")


def revoked_session(session_id: str) -> bytes:
    """Present while the sign-in is revoked."""
    return _encoded(f"{_OURS}revoked:session:{session_id}")


def revoked_user(user_id: str) -> bytes:
    """Holds until when the user's revoked tokens were issued, in seconds since the epoch."""
    return _encoded(f"{_OURS}revoked:user:{user_id}")


def attempts(address: str) -> bytes:
    """The bucket of an address's attempts: its TTL is the time until it is full."""
    return _encoded(f"{_OURS}attempts:{address[:_ADDRESS_CHARS]}")


def failures(address: str) -> bytes:
    """The bucket of an address's failures, likewise."""
    return _encoded(f"{_OURS}failures:{address[:_ADDRESS_CHARS]}")


def failure_counts(address: str) -> bytes:
    """A hash: how often the address failed, by reason."""
    return _encoded(f"{_OURS}failure-counts:{address[:_ADDRESS_CHARS]}")


def sockets_of_user(user_id: str) -> bytes:
    """A hash: how many sockets the user has, by node."""
    return _encoded(f"{_OURS}sockets:user:{user_id}")


def node_prefix() -> bytes:
    """What `node_alive` puts before a node's id: a script makes that key of what a hash holds."""
    return _encoded(f"{_OURS}sockets:node:")


def node_alive(node_id: str) -> bytes:
    """Present while the node is alive."""
    return node_prefix() + _encoded(node_id)


def webhook(message_id: str) -> bytes:
    """Present when the message was dealt with."""
    return _encoded(f"{_OURS}webhook:{message_id}")


def _encoded(key: str) -> bytes:
    return key.encode(errors="surrogatepass")
