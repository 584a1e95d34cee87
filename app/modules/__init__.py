"""Assembles the application: one dependency-injector container per Nest module."""

from app.modules.app_module import AppModule, create_app_module
from app.modules.auth_module import AuthModule

__all__ = ["AppModule", "AuthModule", "create_app_module"]
