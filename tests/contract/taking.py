"""Takes tokens from any throttle."""

from app.ports import Throttle


async def take(throttle: Throttle, key: str, cost: int = 1) -> float:
    """Take tokens, and await the result if the throttle calls Redis."""
    taken = throttle.take(key, cost)
    return taken if isinstance(taken, float) else await taken
