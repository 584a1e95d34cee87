"""Rarely used parts of socket.io's server API, such as registries and middlewares."""
