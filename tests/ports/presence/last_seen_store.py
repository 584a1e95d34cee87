"""The store of the times at which members were last seen."""

from datetime import datetime


class LastSeenStore:
    """Has no implementation here: tests override this provider with a store in memory."""

    async def save(self, user: str, moment: datetime) -> None:
        raise NotImplementedError
