"""Nest's ``@nestjs/common``: decorators, exceptions, interfaces of guards, pipes and filters."""
