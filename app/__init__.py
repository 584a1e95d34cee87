"""ChatGenius Realtime: the ChatGenius chat gateway, a NestJS-style Socket.IO server in Python."""

__version__ = "0.1.0"
