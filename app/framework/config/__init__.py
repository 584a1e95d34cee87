"""Port of ``@nestjs/config`` on pydantic-settings: typed settings from the environment."""

from app.framework.config.config_service import ConfigService
from app.framework.config.module import ConfigModule

__all__ = ["ConfigModule", "ConfigService"]
