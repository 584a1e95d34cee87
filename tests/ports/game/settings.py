"""The settings of the game."""

from pydantic_settings import BaseSettings


class GameSettings(BaseSettings):
    """Settings that are read from the environment."""

    turn_ms: int = 15_000
    ready_check_ms: int = 5_000
