"""The values of the chat and how they look on the wire."""
