"""The settings, from the environment."""

from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class MailSettings(BaseModel):
    """Settings such as ``NOTIFY_MAIL__SENDER``."""

    sender: str = "shop@example.org"


class NotificationSettings(BaseSettings):
    """``NOTIFY_API_KEY`` is required."""

    model_config = SettingsConfigDict(env_prefix="notify_", env_nested_delimiter="__")

    api_key: SecretStr
    ack_seconds: float = 5.0
    mail: MailSettings = MailSettings()
