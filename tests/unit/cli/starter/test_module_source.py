import pytest

from app.cli.starter.module_source import with_gateway
from app.framework.cli.part_name import PartName

SOURCE = '''"""The chat."""

from dependency_injector import containers, providers

from app.config.settings import Settings
from app.gateways.room2_gateway import Room2Gateway
from app.gateways.ws_gateway import (
    WsGateway,
)
from app.ports import Clock


class ChatModule(containers.DeclarativeContainer):
    """Provides things."""

    ws_gateway = providers.Singleton(
        WsGateway,
    )


def after() -> None:
    """Somebody's own."""
'''


@pytest.mark.parametrize(
    ("name", "line_before"),
    [
        ("alarm", "from app.config.settings import Settings"),
        ("room1", "from app.config.settings import Settings"),
        ("room10", "from app.gateways.room2_gateway import Room2Gateway"),
        ("zoo", ")"),
    ],
)
def test_import_stands_where_ruff_sorts_it_when_a_gateway_is_added(
    name: str, line_before: str
) -> None:
    """The import is in Ruff's order, even among multi-line imports and names with numbers."""
    changed = with_gateway(SOURCE, PartName(name))

    assert changed is not None
    lines = changed.splitlines()
    line = f"from app.gateways.{name}_gateway import {name.capitalize()}Gateway"
    assert line_before == lines[lines.index(line) - 1]


def test_provider_ends_the_class_when_a_gateway_is_added() -> None:
    """All other lines of the class are unchanged."""
    changed = with_gateway(SOURCE, PartName("poll"))

    assert changed is not None
    lines = changed.splitlines()
    provider = lines.index("    poll_gateway = providers.Singleton(PollGateway)")
    assert ["    )", "", ""] == [lines[provider - 1], *lines[provider + 1 : provider + 3]]
    assert SOURCE.splitlines() == [line for line in lines if "oll" not in line]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "class ChatModule:",
        "class ChatModule:\n    pass\n",
        SOURCE.replace("class ChatModule", "class ConversationModule"),
        SOURCE.replace("from app.", "from chat."),
    ],
)
def test_nothing_is_changed_when_the_places_are_not_to_be_found(source: str) -> None:
    """The starter changes a module only if it recognises where the lines belong."""
    assert with_gateway(source, PartName("poll")) is None
