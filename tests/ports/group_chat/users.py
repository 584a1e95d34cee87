"""Users, their tokens and their sockets."""

from dataclasses import dataclass

import jwt

from app.framework import Socket, UnauthorizedException
from app.framework.config import ConfigService
from tests.ports.group_chat.chat_settings import ChatSettings

_ALGORITHM = "HS256"


@dataclass(frozen=True)
class User:
    """A user who is logged in."""

    name: str
    roles: list[str]


class ChatSocket(Socket):
    """A socket with the user whom `AuthGuard` found."""

    __slots__ = ("user",)

    user: User


class AuthService:
    """Issues and verifies tokens."""

    def __init__(self, config: ConfigService[ChatSettings]) -> None:
        self._secret = config.settings.jwt_secret.get_secret_value()

    def login(self, name: str, password: str) -> str:
        if password != f"{name}'s password":
            raise UnauthorizedException("Wrong name or password")
        roles = ["moderator"] if name.startswith("mod") else []
        return jwt.encode({"sub": name, "roles": roles}, self._secret, _ALGORITHM)

    def verify(self, token: object) -> User | None:
        try:
            claims = jwt.decode(str(token), self._secret, [_ALGORITHM])
        except jwt.InvalidTokenError:
            return None
        return User(claims["sub"], claims["roles"])
