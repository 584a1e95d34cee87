"""How long and how many may wait: the same wherever a caller waits for storage."""

WAIT_SECONDS = 3.0
"""How long a caller waits, for its turn and for the storage together."""

MAX_PENDING = 10_000
"""How many callers wait for one service; who comes then is refused."""

DRAIN_TIMEOUT_SECONDS = 5.0
"""For the services' shutdown: longer than the storage takes to give up."""
