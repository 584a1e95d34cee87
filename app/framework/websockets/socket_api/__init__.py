"""Parts of socket.io's server API that most gateways do not use: registries, middlewares."""
