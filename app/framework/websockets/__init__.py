"""Nest's ``@nestjs/websockets``: from a gateway class to one compiled callable per event."""
