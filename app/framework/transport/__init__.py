"""The transport: python-socketio on aiohttp, hardened. Nothing else touches either."""
