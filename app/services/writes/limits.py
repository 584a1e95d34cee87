"""How long and how many may wait: the same wherever a caller waits for storage."""

WAIT_SECONDS = 2.9
"""How long a caller waits, for its turn and for the storage together: clients are promised 3."""

MAX_PENDING = 10_000
"""How many callers wait for one service; who comes then is refused."""

DRAIN_TIMEOUT_SECONDS = 5.0
"""For the services' shutdown: longer than the storage takes to give up."""
