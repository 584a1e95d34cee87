"""Nest's ``@nestjs/platform-socket.io``: Socket.IO on aiohttp and python-socketio."""
