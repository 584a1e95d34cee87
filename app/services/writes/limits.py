"""How long and how many may wait: the same wherever a caller waits for storage."""

WAIT_SECONDS = 2.9
"""How long a caller waits, for its turn and for the storage together: clients are promised 3."""

MAX_PENDING = 10_000
"""How many callers wait for one service; who comes then is refused."""

UNCONFIRMED_SECONDS = 15.0
"""How long a write that was `Unconfirmed` may still be stored: longer than a commit takes."""

DRAIN_TIMEOUT_SECONDS = 5.0
"""For the services' shutdown: longer than the storage takes to give up."""
