"""The sessions of signed-in people, which a cookie names."""

from dataclasses import dataclass
from enum import StrEnum
from http.cookies import SimpleCookie


class Role(StrEnum):
    """The permissions of a person."""

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
        """Return the user of the header ``Cookie``."""
        cookies = SimpleCookie(cookie_header or "")
        return self._users.get(cookies["sid"].value) if "sid" in cookies else None
