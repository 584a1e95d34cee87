from typing import Any

from dependency_injector import containers, providers

from app.framework import IoAdapter, IoOptions, NestApplication, NestFactory


def application(*provided: providers.Provider[Any]) -> NestApplication:
    """An application whose one module has these providers."""
    container = containers.DynamicContainer()
    for index, provider in enumerate(provided):
        setattr(container, f"provider_{index}", provider)
    return NestFactory.create(container, IoAdapter(IoOptions()))
