"""The transport: python-socketio on aiohttp, hardened. Nothing else in app touches either's sockets."""
