"""Nest's ``@nestjs/websockets``: compiles each event of a gateway into one function."""
