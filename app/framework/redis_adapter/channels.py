"""`Channel`: the name of a channel of Redis, or a pattern for names, with its commands."""

import re
from typing import NamedTuple

SHARDED, PLAIN, PATTERN = b"S", b"", b"P"
"""The kinds of channels: the first letters of their commands."""


class Channel(NamedTuple):
    """A channel, or a pattern for the names of plain channels."""

    kind: bytes
    name: bytes

    @classmethod
    def sharded(cls, name: str) -> "Channel":
        """Return a sharded channel. They exist since Redis 7."""
        return cls(SHARDED, name.encode())

    @classmethod
    def plain(cls, name: str) -> "Channel":
        """Return a channel that is not sharded."""
        return cls(PLAIN, name.encode())

    @classmethod
    def beginning_with(cls, prefix: str) -> "Channel":
        """Return the pattern for the plain channels whose names begin with ``prefix``."""
        return cls(PATTERN, re.sub(r"([*?[\]\\^])", r"\\\1", prefix).encode() + b"*")

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
