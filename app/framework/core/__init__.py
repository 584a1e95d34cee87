"""Nest's ``@nestjs/core``: the application, the injector and the lifecycle."""
