"""The sessions of the shop."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NotificationsOptions:
    """The options of `NotificationsModule`: the users of the shop's sessions."""

    sessions: dict[str, str]


class Sessions:
    """Finds the user of a session cookie."""

    def __init__(self, options: NotificationsOptions) -> None:
        self._options = options

    async def user_of(self, session: str) -> str | None:
        return self._options.sessions.get(session)
