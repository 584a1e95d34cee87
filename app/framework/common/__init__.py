"""Nest's ``@nestjs/common``: decorators, exceptions and the interfaces of enhancers."""
