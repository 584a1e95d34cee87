"""The time limits of a request that reads or writes the storage, in the order in which they apply.

1. The timeouts of the database: for a connection, a statement and a lock. The settings
   ``DATABASE_..._SECONDS`` allow at most 2.5 seconds for each.
2. `OPERATION_SECONDS`, 2.8: the storage adapter fails an operation, with everything that it waits
   for.
3. `WAIT_SECONDS`, 2.9: a service stops waiting, for its turn and the operation together.
4. `CLIENT_SECONDS`, 3: what ``docs/protocol.md`` promises to clients.

A commit that was interrupted by one of these limits continues:

5. `COMMIT_SECONDS`, 10: the storage adapter aborts the commit.
6. `UNCONFIRMED_SECONDS`, 15: the services stop looking for what the commit may have stored.

At shutdown:

7. `DRAIN_TIMEOUT_SECONDS`, 5: each service stops waiting for the writes that it has started. By
   then the storage has answered or failed all of them.
8. `CLOSING_SECONDS`, 5: the server stops closing clients and storage, and exits.

A request may use several operations one after the other. The first send to a channel after two
quiet seconds (`REFRESH_SECONDS` in ``app/services/channels/member_cache.py``) reads the members of
the channel before it writes the message. If a PostgreSQL server is frozen, this read fails after
`OPERATION_SECONDS`, and the write is not tried. The circuit breaker rejects only operations that
start after this failure.
"""

OPERATION_SECONDS = 2.8
"""How long an operation of the storage takes at most: its turn, its statements and its commit."""

WAIT_SECONDS = 2.9
"""How long a caller of a service waits, for its turn and for the storage together."""

CLIENT_SECONDS = 3.0
"""How long a client waits for an answer, as ``docs/protocol.md`` promises."""

COMMIT_SECONDS = 10.0
"""How long a commit takes at most, even if its caller was answered before."""

UNCONFIRMED_SECONDS = 15.0
"""How long an `Unconfirmed` write may still be stored."""

DRAIN_TIMEOUT_SECONDS = 5.0
"""How long a service waits at shutdown for the writes that it has started."""

CLOSING_SECONDS = 5.0
"""How much of ``DRAIN_SECONDS`` is reserved for closing clients and storage, at most half of it."""
