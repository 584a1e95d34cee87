"""Nest's ``@nestjs/common``: decorators, exceptions, and base classes of guards and pipes."""
