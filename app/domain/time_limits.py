"""The time limits of a request that reads or writes the storage, in the order in which they apply.

The shortest limits are the database's timeouts for a connection, a statement and a lock. The
settings ``DATABASE_..._SECONDS`` allow at most 2.5 seconds for each.

A request may use several operations one after the other. The first send to a channel after two
quiet seconds (`REFRESH_SECONDS` in ``app/services/channels/member_cache.py``) reads the members of
the channel before it writes the message. If PostgreSQL does not respond, this read fails after
`OPERATION_SECONDS`, and no write follows. The circuit breaker cannot shorten the first failure,
because it opens only after a failure.
"""

OPERATION_SECONDS = 2.8
"""The maximum time of a storage operation: waiting until it may start, statements, commit."""

WAIT_SECONDS = 2.9
"""The maximum total time that a service waits in a queue and for a storage operation."""

CLIENT_SECONDS = 3.0
"""The maximum time until a client receives an answer, as ``docs/protocol.md`` guarantees."""

COMMIT_SECONDS = 10.0
"""The maximum time of a commit, which continues even if its caller has stopped waiting."""

UNCONFIRMED_SECONDS = 15.0
"""The time for which services check whether an `Unconfirmed` write was stored."""

DRAIN_TIMEOUT_SECONDS = 5.0
"""The maximum time that a service waits for its writes at shutdown."""

DISCONNECT_SECONDS = 2.0
"""The time from the first batch of disconnected clients to the last, when the server drains.

If a fifth of ``DRAIN_SECONDS`` is less, the time is this fifth.
"""

CLOSING_SECONDS = 5.0
"""The maximum time for the last acks and for closing the storage, after the batches.

If half of ``DRAIN_SECONDS`` is less, the maximum is this half.
"""
