"""The settings of the site."""

from pydantic import BaseModel
from pydantic_settings import BaseSettings, SettingsConfigDict


class Live(BaseModel):
    """The settings of the sockets."""

    path: str = "/live"
    max_frame_bytes: int = 10_000


class SiteSettings(BaseSettings):
    """Settings that are read from the environment, for example from ``SITE_LIVE__PATH``."""

    model_config = SettingsConfigDict(env_prefix="SITE_", env_nested_delimiter="__")

    live: Live = Live()
