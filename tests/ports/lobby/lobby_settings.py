"""The settings, from the environment."""

from pydantic_settings import BaseSettings


class LobbySettings(BaseSettings):
    """Settings such as ``LOBBY_MAX_PLAYERS``."""

    model_config = {"env_prefix": "lobby_"}

    max_players: int = 4
    countdown_ms: int = 5_000
    ready_seconds: float = 10.0
