"""`Channel`: the name of a channel of Redis, or a pattern for names, with its commands."""

import re
from typing import NamedTuple

SHARDED, PLAIN, PATTERN = b"S", b"", b"P"
"""The kinds of channels: the first letters of their commands."""


class Channel(NamedTuple):
    """A channel, or a pattern for the names of plain channels.

    As in Node, a lone surrogate in a name is written as U+FFFD, so different rooms may have the
    same channel. Clients can choose such names.
    """

    kind: bytes
    name: bytes

    @classmethod
    def sharded(cls, name: str) -> "Channel":
        """Return a sharded channel. They exist since Redis 7."""
        return cls(SHARDED, _utf_8(name))

    @classmethod
    def plain(cls, name: str) -> "Channel":
        """Return a channel that is not sharded."""
        return cls(PLAIN, _utf_8(name))

    @classmethod
    def beginning_with(cls, prefix: str) -> "Channel":
        """Return the pattern for the plain channels whose names begin with ``prefix``."""
        return cls(PATTERN, re.sub(rb"([*?[\]\\^])", rb"\\\1", _utf_8(prefix)) + b"*")

    @property
    def subscribe(self) -> bytes:
        """The command that subscribes to the channel or pattern."""
        return self.kind + b"SUBSCRIBE"

    @property
    def unsubscribe(self) -> bytes:
        """The command that ends a subscription."""
        return self.kind + b"UNSUBSCRIBE"

    @property
    def publish(self) -> bytes:
        """The command that publishes a message; there is none for a pattern."""
        return self.kind + b"PUBLISH"

    @property
    def numsub(self) -> bytes:
        """The subcommand of ``PUBSUB`` that counts subscribers; there is none for a pattern."""
        return b"SHARDNUMSUB" if self.kind == SHARDED else b"NUMSUB"


def _utf_8(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError:
        utf_16 = name.encode("utf-16-le", "surrogatepass")
        return utf_16.decode("utf-16-le", "replace").encode()
