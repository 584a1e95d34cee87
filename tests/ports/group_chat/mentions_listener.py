"""Tells users that a message mentions them."""

import re

from app.framework.event_emitter import on_event
from tests.ports.group_chat.chat_gateway import ChatGateway
from tests.ports.group_chat.rooms import Message


class MentionsListener:
    """Finds ``@name`` in messages."""

    def __init__(self, gateway: ChatGateway) -> None:
        self._gateway = gateway

    @on_event("message.created")
    async def on_message(self, message: Message) -> None:
        for name in re.findall(r"@(\w+)", message.text):
            self._gateway.mention(name, message)
