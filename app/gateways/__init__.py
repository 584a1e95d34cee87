"""The WebSocket gateways."""
