"""Port of Nest's ``@nestjs/platform-socket.io`` to aiohttp and python-socketio."""
