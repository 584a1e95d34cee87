"""Remembers when a member was seen last."""

from datetime import datetime


class LastSeenStore:
    """The real store is a database; tests replace it."""

    async def save(self, user: str, moment: datetime) -> None:
        raise NotImplementedError
