from typing import Any

import pytest
from dependency_injector import containers, providers

from app.framework import BootError, IoAdapter, IoOptions, NestApplication, NestFactory


def application(*provided: providers.Provider[Any]) -> NestApplication:
    """Create an application whose only module has these providers."""
    container = containers.DynamicContainer()
    for index, provider in enumerate(provided):
        setattr(container, f"provider_{index}", provider)
    return NestFactory.create(container, IoAdapter(IoOptions()))


async def start_error(*provided: providers.Provider[Any]) -> str:
    """Return the error that an application with these providers raises at its start."""
    app = application(*provided)
    with pytest.raises(BootError) as caught:
        await app.init()
    return str(caught.value)
