"""The settings, from the environment."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings


class ChatSettings(BaseSettings):
    """``CHAT_JWT_SECRET`` is required."""

    model_config = {"env_prefix": "chat_"}

    jwt_secret: SecretStr
    history_limit: int = 50
