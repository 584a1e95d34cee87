"""The time limits of a request that reads or writes the storage, in the order in which they apply.

1. The timeouts of the database: for a connection, a statement and a lock. The settings
   ``DATABASE_..._SECONDS`` allow at most 2.5 seconds for each.
2. `OPERATION_SECONDS`, 2.8: the storage adapter aborts an operation.
3. `WAIT_SECONDS`, 2.9: a service stops waiting for its turn and the operation.
4. `CLIENT_SECONDS`, 3: ``docs/protocol.md`` guarantees an answer within this time.

If one of these limits interrupts a commit, the commit continues in the background:

5. `COMMIT_SECONDS`, 10: the storage adapter aborts the commit.
6. `UNCONFIRMED_SECONDS`, 15: the services stop checking whether the commit succeeded.

At shutdown:

7. `DRAIN_TIMEOUT_SECONDS`, 5: each service stops waiting for the writes that it has started. By
   then the storage has answered or failed all of them.
8. `CLOSING_SECONDS`, 5: the server stops closing clients and storage, and exits.

A request may use several operations one after the other. The first send to a channel after two
quiet seconds (`REFRESH_SECONDS` in ``app/services/channels/member_cache.py``) reads the members of
the channel before it writes the message. If PostgreSQL does not respond, this read fails after
`OPERATION_SECONDS`, and no write follows. The circuit breaker rejects only operations that start
after this failure.
"""

OPERATION_SECONDS = 2.8
"""The maximum time of a storage operation: waiting for its turn, statements and commit."""

WAIT_SECONDS = 2.9
"""The maximum time that the caller of a service waits for its turn and for the storage."""

CLIENT_SECONDS = 3.0
"""The maximum time until a client receives an answer, as ``docs/protocol.md`` guarantees."""

COMMIT_SECONDS = 10.0
"""The maximum time of a commit. The caller may receive an answer earlier."""

UNCONFIRMED_SECONDS = 15.0
"""The maximum time after which an `Unconfirmed` write may still be stored."""

DRAIN_TIMEOUT_SECONDS = 5.0
"""The maximum time that a service waits at shutdown for the writes that it has started."""

CLOSING_SECONDS = 5.0
"""The part of ``DRAIN_SECONDS`` for closing clients and storage; never more than half of it."""
