"""The sessions of signed-in people. A cookie contains the id of a session."""

from dataclasses import dataclass
from enum import StrEnum
from http.cookies import SimpleCookie


class Role(StrEnum):
    """The roles of users."""

    VISITOR = "visitor"
    MODERATOR = "moderator"
    ADMIN = "admin"


@dataclass(frozen=True)
class User:
    """A signed-in person."""

    name: str
    role: Role


class SessionStore:
    """Finds the user of a session."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}

    def sign_in(self, session_id: str, name: str, role: Role = Role.VISITOR) -> None:
        self._users[session_id] = User(name, role)

    def user_of(self, cookie_header: str | None) -> User | None:
        """Return the user whose session id is in the header ``Cookie``, or None."""
        cookies = SimpleCookie(cookie_header or "")
        return self._users.get(cookies["sid"].value) if "sid" in cookies else None
