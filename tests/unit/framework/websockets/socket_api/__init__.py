"""Tests app/framework/websockets/socket_api."""
