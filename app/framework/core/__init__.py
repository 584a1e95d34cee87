"""Nest's ``@nestjs/core``: application, injector and lifecycle."""
